"""What of an experiment's options does not fit together is refused before any work, in one line that names the key."""

import pytest
from test_config import changed, refusal

from closerlook.config.reading import read_config
from closerlook.planning.plan import Plan


def of(experiment, *path):
    return ("experiments", experiment, *path)


CRITICAL = "experiments.critical.measures.critical_samples"
SENSITIVITY = "experiments.sensitivity.measures.sensitivity"
MEASURE = {"steps": [50, 1024], "losses": 10, "over": 50}
REFUSALS = {
    "radius 0": (
        of("critical", "measures", "critical_samples", "radius"),
        [0],
        f"{CRITICAL}.radius.0: 0: input should be greater than 0",
    ),
    "step 0": (
        of("critical", "measures", "critical_samples", "step"),
        0,
        f"{CRITICAL}.step: 0: input should be greater than 0",
    ),
    "a radius twice": (
        of("critical", "measures", "critical_samples", "radius"),
        [0.1, 0.1],
        f"{CRITICAL}.radius: holds a value twice",
    ),
    "critical samples without a checkpoint": (
        of("critical", "checkpoints"),
        {},
        f"{CRITICAL}: needs a checkpoint to measure",
    ),
    "more validation examples than there are": (
        of("critical", "measures", "critical_samples", "examples"),
        1001,
        f"{CRITICAL}.examples: 1001 is more than the 1000 validation examples",
    ),
    "more training examples than there are": (
        of("critical", "measures", "critical_samples", "training_examples"),
        1001,
        f"{CRITICAL}.training_examples: 1001 is more than the",
    ),
    "horizon beyond the training": (
        of("sensitivity", "measures", "sensitivity"),
        {**MEASURE, "steps": [50, 1025]},
        f"{SENSITIVITY}.steps: 1025 is beyond the last of the 1024 updates",
    ),
    "averages over more steps than there are": (
        of("sensitivity", "measures", "sensitivity"),
        {**MEASURE, "over": 51},
        f"{SENSITIVITY}.over: 51 is more than the 50 steps",
    ),
    "more losses than steps": (
        of("sensitivity", "measures", "sensitivity"),
        {**MEASURE, "losses": 51},
        f"{SENSITIVITY}.losses: 51 is more than the last 50 steps",
    ),
    "sensitivity with momentum": (of("sensitivity", "momentum"), 0.9, f"{SENSITIVITY}: follows plain gradient descent"),
    "sensitivity with dropout": (
        of("sensitivity", "regularizers"),
        {"dropout": [0.5]},
        f"{SENSITIVITY}: follows training without regularizers",
    ),
    "sensitivity of batch norm": (
        of("sensitivity", "network"),
        "alexnet",
        f"{SENSITIVITY}: batch norm's statistics have no derivative here, and network alexnet has them",
    ),
    "critical samples of own classes": (
        of("sensitivity-own", "measures"),
        {"critical_samples": {}},
        "experiments.sensitivity-own.measures.critical_samples: needs validation examples, which own_class has not",
    ),
    "random labels of own classes": (
        of("sensitivity-own", "noise"),
        {"randY": [1]},
        "experiments.sensitivity-own.own_class: examples of classes of their own",
    ),
    "answers after the last update": (
        of("easy", "answers", "steps"),
        [577],
        "experiments.easy.answers.steps: 577 is beyond the last of the 576 updates",
    ),
    "answers about too many examples": (
        of("easy", "answers", "examples"),
        2000,
        "experiments.easy.answers.examples: 2000 is more than the 1000 examples",
    ),
    "answers under a batch schedule": (
        of("easy", "batch_size_schedule"),
        {"stages": {5: 2}},
        "experiments.easy.answers.steps: count updates of one constant batch size",
    ),
    "answers of networks that left early": (
        of("easy", "after_fit"),
        0,
        "experiments.easy.answers.steps: networks that after_fit takes out of the training early have no answer",
    ),
    "weight of LASS points 1": (
        of("adversarial", "regularizers", "lass"),
        [1],
        "experiments.adversarial.regularizers.lass.0: 1: input should be less than 1",
    ),
    "one regulariser combined": (
        of("adversarial", "regularizers", "combined"),
        [{"dropout": 0.5}],
        "experiments.adversarial.regularizers.combined: {'dropout': 0.5} is not several",
    ),
    "all units dropped in a combination": (
        of("adversarial", "regularizers", "combined"),
        [{"dropout": 1, "lass": 0.5}],
        "experiments.adversarial.regularizers.combined.0.dropout: 1: input should be less than 1",
    ),
    "depth of an alexnet": (
        of("critical-cnn", "network_options"),
        {"depth": 3},
        "experiments.critical-cnn.network_options.depth: unknown key",
    ),
    "depth of an mlp": (of("critical", "network_options"), {"depth": 0}, "network_options.depth: 0: input should be"),
    "an image that a crop leaves nothing of": (
        of("critical-cnn", "scales", "smoke", "image_size"),
        4,
        "experiments.critical-cnn.scales.smoke.image_size: an alexnet crops 2 pixels from every side of 4 x 4",
    ),
    "a batch of one for batch norm": (
        of("critical-cnn", "scales", "paper"),
        {"examples": 40001, "batch_size": 100},
        "batch_size: 40001 examples in batches of 100 leave one alone; batch norm needs two",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_does_not_fit_together_is_refused(case):
    path, value, expected = REFUSALS[case]
    assert expected in refusal(path, value)


def test_null_leaves_an_experiment_out_at_a_scale():
    raw = changed(of("critical-cnn", "scales", "quick"), None)
    quick, paper = (read_config(raw, scale) for scale in ("quick", "paper"))
    assert "critical-cnn" not in quick.experiments
    assert quick.figures["filters"].experiments == ("critical",)
    assert paper.figures["filters"].experiments == ("critical", "critical-cnn")


def test_a_figure_without_any_experiment_at_a_scale_is_refused():
    message = refusal(of("easy", "scales", "smoke"), None)
    assert message == "config: figures.easy_examples: none of its experiments is made at scale smoke"


def test_regularizers_alone_and_combined_are_networks_of_their_own():
    raw = changed(of("adversarial", "regularizers"), {"lass": [0.5], "combined": [{"dropout": 0.5, "lass": 0.25}]})
    (ensemble,) = Plan(read_config(raw, "quick")).ensembles["adversarial"].values()
    used = [member.regularizers for member in ensemble.members]
    assert used[:: len(used) // 3] == [{}, {"lass": 0.5}, {"dropout": 0.5, "lass": 0.25}]


def test_more_seeds_than_training_sets_are_fine_where_all_see_the_same():
    assert read_config(changed(of("easy", "seeds"), 500), "quick").experiments["easy"].seeds == 500
