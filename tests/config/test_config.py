import copy

import pytest
from shipped import shipped

from closerlook.config.checking import checked
from closerlook.config.layers import command_line
from closerlook.config.reading import SCALES, ConfigError, read_config
from closerlook.data.sets import SETS
from closerlook.nets.architecture import NoOptions
from closerlook.planning.plan import Plan

RAW = shipped()


def changed(path, value):
    raw = copy.deepcopy(RAW)
    place = raw
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return raw


def refusal(path, value):
    with pytest.raises(ConfigError) as error:
        for scale in (None, *SCALES):  # as the Snakefile does: the file's own scale first, then every other
            Plan(read_config(changed(path, value), scale))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_is_missing_under_a_misspelt_name_is_told_by_that_name():
    raw = copy.deepcopy(RAW)
    capacity = raw["experiments"]["capacity"]
    capacity["widht"] = capacity.pop("width")
    with pytest.raises(ConfigError, match=r"experiments\.capacity\.widht: unknown key \(did you mean width\?\)"):
        read_config(raw, "smoke")


@pytest.mark.parametrize("scale", SCALES)
def test_the_shipped_config_plans_at_every_scale(scale):
    assert Plan(read_config(RAW, scale)).networks() > 100


CAPACITY = ("experiments", "capacity")
REFUSALS = {
    "top-level key": (("sclae",), 1, "sclae: unknown key (did you mean scale?)"),
    "unknown scale": (("scale",), "huge", "scale: 'huge' is not a scale; allowed: smoke, quick, paper"),
    "misspelt option": ((*CAPACITY, "widht"), [1], "experiments.capacity.widht: unknown key (did you mean width?)"),
    "misspelt in a scale": (
        ("experiments", "sharpness", "scales", "smoke", "checkpoints"),
        {"epcohs": [5]},
        "experiments.sharpness.scales.smoke.checkpoints.epcohs: unknown key (did you mean epochs?)",
    ),
    "width 0": (
        (*CAPACITY, "width"),
        [0],
        "experiments.capacity.width.0: 0: input should be greater than or equal to 1",
    ),
    "level above 1": ((*CAPACITY, "noise"), {"randY": [1.5]}, "experiments.capacity.noise.randY.0: 1.5:"),
    "unknown noise": (
        (*CAPACITY, "noise"),
        {"randZ": [0.5]},
        "no kind of noise 'randZ'; there are: none, randX, randXg, randXu, randY",
    ),
    "unknown optimizer": (
        (*CAPACITY, "optimizer"),
        "adamm",
        "experiments.capacity.optimizer: no optimizer 'adamm'; there",
    ),
    "empty noise": ((*CAPACITY, "noise"), {"randY": []}, "experiments.capacity.noise: the grid is empty"),
    "level of none": ((*CAPACITY, "noise"), {"none": [0.5]}, "experiments.capacity.noise.none: only level 0"),
    "empty axis": ((*CAPACITY, "width"), [], "experiments.capacity.width: []: value should have at least 1 item"),
    "value twice": ((*CAPACITY, "width"), [8, 8], "experiments.capacity.width: holds a value twice"),
    "unknown data set": (
        (*CAPACITY, "dataset"),
        "imagenet",
        "no data set 'imagenet'; there are: cifar10, fashion, mnist",
    ),
    "checkpoint too late": (
        ("experiments", "sharpness", "checkpoints"),
        {"epochs": [500]},
        "experiments.sharpness.checkpoints.epochs: 500 is beyond the last epoch, 100",
    ),
    "too few products": (
        ("experiments", "sharpness", "measures"),
        {"curvature": {"max_products": 1}},
        "experiments.sharpness.measures.curvature.max_products: 1: input should be greater than or equal to 2",
    ),
    "a subset larger than the set": (
        ("experiments", "sharpness", "measures"),
        {"curvature": {"examples": 5000}},
        "experiments.sharpness.measures.curvature.examples: 5000 is more than the 1000 examples",
    ),
    "measure without checkpoint": (
        ("experiments", "sharpness", "checkpoints"),
        {},
        "experiments.sharpness.measures.curvature: needs a checkpoint",
    ),
    "image size": ((*CAPACITY, "image_size"), 13, "experiments.capacity.image_size: 13 must divide 28"),
    "too many examples": ((*CAPACITY, "examples"), 60000, "examples: 60000 is more than the 50000 of mnist"),
    "batch too large": ((*CAPACITY, "batch_size"), 2000, "batch_size: 2000 is more than the 1000 examples"),
    "too many seeds": ((*CAPACITY, "seeds"), 30, "experiments.capacity.seeds: 30 is more than data.seeds, 10"),
    "not a number": ((*CAPACITY, "learning_rate"), float("nan"), "learning_rate.0: nan: input should be a finite"),
    "a truth value": ((*CAPACITY, "epochs"), True, "experiments.capacity.epochs: True"),
    "a missing option": (("experiments", "capacity"), {}, "experiments.capacity.epochs: missing"),
    "not a mapping": (("experiments", "capacity"), 5, "experiments.capacity: must be a mapping, not 5"),
    "figure of no experiment": (
        ("figures", "capacity", "experiments"),
        ["x"],
        "figures.capacity.experiments: no experiment 'x'",
    ),
    "unknown scale in a section": (("data", "scales"), {"tiny": {}}, "data.scales.tiny: not a scale"),
    "too much validation": (("data", "validation_examples"), 20000, "validation_examples: 20000 is more than"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_impossible_options_are_refused_in_one_line_that_names_them(case):
    path, value, expected = REFUSALS[case]
    assert expected in refusal(path, value)


def test_an_option_of_what_has_none_is_told_so():
    with pytest.raises(ConfigError, match=r"^here\.depth: unknown key; allowed: none$"):
        checked(NoOptions, {"depth": 3}, lambda path: f"here.{path}")
    line = "experiments.capacity.regularizer_options.input_noise: it has no options"
    assert line in refusal((*CAPACITY, "regularizer_options"), {"input_noise": {"depth": 3}})


def test_a_single_value_stands_for_a_list_of_one():
    one, listed = (read_config(changed((*CAPACITY, "width"), width), "quick") for width in (64, [64]))
    assert one == listed


def test_values_of_the_command_line_come_as_text_and_are_read_as_in_a_file():
    given = {
        "experiments": {"capacity": {"epochs": "90", "after_fit": "null", "width": ["8", "16"], "momentum": "0.5"}}
    }
    capacity = read_config([RAW, command_line(given)], "quick").experiments["capacity"]
    assert (capacity.epochs, capacity.after_fit, list(capacity.width), capacity.momentum) == (90, None, [8, 16], 0.5)


def test_what_a_scale_gives_replaces_the_whole_value():
    raw = changed((*CAPACITY, "scales", "smoke", "noise"), {"randY": [1]})
    assert read_config(raw, "smoke").experiments["capacity"].noise == {"randY": (1.0,)}
    assert "randX" in read_config(raw, "quick").experiments["capacity"].noise


def test_the_data_sets_of_the_config_are_those_of_the_table():
    message = refusal((*CAPACITY, "dataset"), "imagenet")
    assert all(name in message for name in SETS.names())
