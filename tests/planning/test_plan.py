import pytest
from shipped import config, shipped

from closerlook.claims.estimates import FEWEST_SEEDS
from closerlook.config.reading import SCALES, read_config
from closerlook.planning.plan import Plan, PlanError
from closerlook.spec import Checkpoints, Schedule

RAW = {
    "scale": "quick",
    "papers": [],
    "data": {"seeds": 4, "validation_examples": 50},
    "experiments": {
        "grid": {
            "dataset": ["mnist", "fashion"],
            "image_size": 14,
            "examples": [100, 200],
            "width": [8, 16],
            "network_options": {"depth": 3},
            "noise": {"none": [0], "randY": [0, 0.5, 1]},
            "regularizers": {"dropout": [0, 0.5]},
            "seeds": 2,
            "epochs": 10,
            "learning_rate": [0.1, 0.2],
            "learning_rate_schedule": {"stages": {6: 0.1, 3: 0.5}},
            "checkpoints": {"epochs": [10, 0], "losses": [0.01, 0.1]},
            "measures": {"curvature": {}},
        },
        "plain": {"dataset": "mnist", "examples": 100, "width": 8, "seeds": 1, "epochs": 1},
    },
    "figures": {"both": {"experiments": ["grid", "plain"]}},
}


@pytest.fixture
def plan():
    return Plan(read_config(RAW))


def test_what_changes_shapes_or_data_splits_ensembles(plan):
    assert list(plan.ensembles["grid"]) == [
        f"{dataset}14-{examples}-mlp{width}x{width}x{width}-b32"
        for dataset in ("mnist", "fashion")
        for examples in (100, 200)
        for width in (8, 16)
    ]


def test_the_rest_of_the_grid_is_members_and_level_0_is_clean_data_once(plan):
    members = plan.ensemble("grid", "mnist14-100-mlp8x8x8-b32").members
    seen = [(one.noise, one.level, one.strength("dropout"), one.learning_rate, one.seed) for one in members]
    expected = [
        (noise, level, dropout, rate, seed)
        for dropout in (0.0, 0.5)
        for noise, level in (("none", 0.0), ("randY", 0.5), ("randY", 1.0))
        for rate in (0.1, 0.2)
        for seed in (0, 1)
    ]
    assert seen == expected


def test_schedules_and_checkpoints_are_in_order(plan):
    one = plan.ensemble("grid", "mnist14-100-mlp8x8x8-b32")
    assert one.learning_rate_schedule == Schedule({3: 0.5, 6: 0.1})
    assert one.checkpoints == Checkpoints((0, 10), False, (0.1, 0.01))


def test_a_figure_is_made_of_its_experiments_and_of_the_measures_they_have(plan):
    assert len(plan.figure_folders("both")) == 9
    assert {experiment for experiment, _ in plan.figure_folders("both", "curvature")} == {"grid"}


def test_subsets_say_which_training_sets_are_drawn(plan):
    assert set(plan.subsets) == {"mnist14-100", "mnist14-200", "fashion14-100", "fashion14-200", "mnist28-100"}
    assert plan.subset("fashion14-200").examples == 200


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda plan: plan.ensemble("grdi", "x"), "no experiment 'grdi' here; there are: grid, plain"),
        (lambda plan: plan.ensemble("plain", "x"), "no ensemble 'x' here; there are: mnist28-100-mlp8x8-b32"),
        (lambda plan: plan.figure_folders("c"), "no figure 'c' here; there are: both"),
        (lambda plan: plan.measure("plain", "curvature"), "no measure of experiment plain 'curvature' here"),
        (lambda plan: plan.subset("mnist14-7"), "no training set 'mnist14-7' here"),
        (lambda plan: plan.noise("randZ"), "no kind of noise 'randZ' here; there are: none, randX, randXg, "),
    ],
)
def test_what_no_experiment_makes_is_told_with_what_there_is(plan, ask, message):
    with pytest.raises(PlanError) as error:
        ask(plan)
    assert message in str(error.value)


@pytest.mark.parametrize("scale", SCALES)
def test_regularizers_have_seeds_enough_to_be_chosen_on_some_and_judged_on_three_others(scale):
    assert config(scale).experiments["regularizers"].seeds // 2 >= FEWEST_SEEDS


def test_changing_one_experiment_leaves_the_specifications_of_the_others_alone():
    raw = shipped()
    before = Plan(read_config(raw))
    raw["experiments"]["sharpness"]["seeds"] = 7
    raw["experiments"]["sharpness"]["noise"]["randX"] = [0.3]
    after = Plan(read_config(raw))
    same = {name for name in before.ensembles if before.ensembles[name] == after.ensembles[name]}
    assert same == set(before.ensembles) - {"sharpness"}
