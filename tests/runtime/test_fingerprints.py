"""What a job's code comes to: what it reaches, and what of that is no reason to do it again."""

import pytest

from closerlook import things
from closerlook.figures import modules_of
from closerlook.nets import NETS
from closerlook.runtime.fingerprints import fingerprint, reached_by
from closerlook.tables import TABLES
from closerlook.things import PACKAGE, ThingError

BEFORE = '''"""A noise."""

from closerlook.data.noise import Noise
from closerlook.things import Look

noise = Noise(words="shuffled pixels", replaces="inputs", look=Look("#888833", "P"))


def draw(rng, inputs, labels, statistics):
    return inputs[:, rng.permutation(inputs.shape[1])]
'''


@pytest.fixture
def fingerprints(tmp_path):
    """Return a function from the text of an own noise to its fingerprints, without and with appearance."""
    before = things.own_folders()

    def of(text, folder="own"):
        path = tmp_path / folder / "noise" / "shuffled.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        things.use([tmp_path / folder])
        name = "closerlook.data.noise.shuffled"
        return fingerprint(name), fingerprint(name, appearance=True)

    yield of
    things.use(before)


def names(*starts):
    return {path.relative_to(PACKAGE).as_posix() for path in reached_by(*starts) if path.is_relative_to(PACKAGE)}


def test_training_reaches_the_trainer_and_no_figure():
    reached = names("scripts/train.py", *NETS.modules("mlp"))
    assert {"training/trainer.py", "nets/mlp/run.py", "data/loading.py", "store/__init__.py", "spec.py"} <= reached
    assert not {path for path in reached if path.startswith(("figures/", "measures/", "claims/", "tables/"))}
    assert "nets/alexnet/run.py" not in reached, "another network's code is not this one's"
    assert "planning/plan.py" not in reached, "a change of the plan that leaves a specification alone must not retrain"


def test_a_figure_reaches_its_table_and_its_drawing_and_no_other_figure():
    root = PACKAGE.parent
    reached = {path.relative_to(root).as_posix() for path in reached_by("scripts/figure.py", *modules_of("capacity"))}
    assert {"papers/A/tables/capacity.py", "papers/A/figures/capacity.py"} <= reached
    assert not {path for path in reached if path.endswith("sharpness.py") or "/training/" in path}


def test_a_table_draws_nothing():
    for figure in TABLES.names():
        reached = {path.relative_to(PACKAGE.parent).as_posix() for path in reached_by(*TABLES.modules(figure))}
        assert not {path for path in reached if "/figures/" in path}, figure


def test_an_unknown_start_is_named():
    with pytest.raises(ThingError, match="nonsense"):
        reached_by("closerlook.nonsense")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    return", "    # as they come\n    return"),
        ('"""A noise."""', '"""The pixels of each image, in another order."""'),
        ("statistics):\n", 'statistics):\n    """Return the inputs."""\n'),
        ("\n\n\ndef", "\n\ndef"),
        ("inputs[:, ", "(inputs)[:,\n        "),
    ],
)
def test_comments_docstrings_and_layout_change_no_fingerprint(fingerprints, old, new):
    before = fingerprints(BEFORE)
    assert BEFORE.count(old) >= 1
    assert fingerprints(BEFORE.replace(old, new, 1)) == before


@pytest.mark.parametrize(
    ("old", "new"), [("shape[1]", "shape[0]"), ('"inputs"', '"labels"'), ("permutation", "choice")]
)
def test_what_is_done_changes_both(fingerprints, old, new):
    plain, whole = fingerprints(BEFORE)
    after_plain, after_whole = fingerprints(BEFORE.replace(old, new))
    assert after_plain != plain
    assert after_whole != whole


@pytest.mark.parametrize(("old", "new"), [("#888833", "#888834"), ("shuffled pixels", "pixels in disorder")])
def test_how_a_thing_looks_and_is_called_matters_to_drawings_alone(fingerprints, old, new):
    plain, whole = fingerprints(BEFORE)
    after_plain, after_whole = fingerprints(BEFORE.replace(old, new))
    assert after_plain == plain
    assert after_whole != whole


def test_where_an_own_folder_lies_changes_nothing(fingerprints):
    assert fingerprints(BEFORE) == fingerprints(BEFORE, folder="elsewhere, with a space")


def test_a_file_that_is_no_python_is_named(fingerprints):
    with pytest.raises(ThingError, match=r"shuffled\.py: not Python"):
        fingerprints("def draw(:")


@pytest.mark.parametrize(
    "wording", ["from .shared import order", "from . import shared", "from ..noise.shared import order"]
)
def test_what_a_thing_imports_from_beside_it_counts(fingerprints, tmp_path, wording):
    beside, text = (
        tmp_path / "own" / "noise" / "shared.py",
        BEFORE.replace("from closerlook.things", f"{wording}\nfrom closerlook.things"),
    )
    beside.parent.mkdir(parents=True)
    beside.write_text("def order(): return 1\n")
    before = fingerprints(text)
    beside.write_text("def order(): return 22\n")
    assert fingerprints(text)[0] != before[0]


@pytest.mark.parametrize("name", ["nets", "nets/mlp/run", "data/noise/randY"])
def test_the_package_of_a_file_of_ours_is_its_folder(name):
    path = PACKAGE / f"{name}.py"
    assert things.package_of(path) == ".".join(["closerlook", *name.split("/")[:-1]])
    assert things.package_of(PACKAGE.parent / "elsewhere.py") == ""
