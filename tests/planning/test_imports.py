import pytest

from closerlook.nets import NETS
from closerlook.planning.fingerprints import constant, reached_by


def names(*starts):
    return {path.split("closerlook/", 1)[1] for path in reached_by(*starts)}


def test_training_reaches_the_trainer_and_no_figure():
    reached = names("scripts/train.py", *NETS.modules("mlp"))
    wanted = {
        "training/trainer.py",
        "nets/mlp/run.py",
        "data/loading.py",
        "store/__init__.py",
        "spec.py",
        "__init__.py",
    }
    assert wanted <= reached
    assert not {path for path in reached if path.startswith(("figures/", "measures/", "claims/"))}
    assert "nets/alexnet/run.py" not in reached, "another network's code is not this one's"
    assert "planning/plan.py" not in reached, "a change of the plan that leaves a specification alone must not retrain"


def test_a_figure_reaches_its_own_module_and_no_other_figure():
    reached = names("scripts/figure.py", "closerlook.figures.capacity")
    assert "figures/capacity.py" in reached
    assert "figures/sharpness.py" not in reached
    assert not {path for path in reached if path.startswith("training/")}


def test_unknown_start_is_named():
    with pytest.raises(FileNotFoundError, match="nonsense"):
        reached_by("closerlook.nonsense")


def test_a_literal_is_read_without_importing_its_module():
    assert constant("closerlook.figures.sharpness", "MEASURES") == ("curvature",)
    with pytest.raises(FileNotFoundError, match=r"closerlook.figures.sharpness: needs a literal NOTHING"):
        constant("closerlook.figures.sharpness", "NOTHING")
