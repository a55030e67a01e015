"""Thousands of mutated configurations: each one plans at every scale, or is refused in one short line."""

import copy
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shipped import shipped

from closerlook.config.reading import MOST_NETWORKS, SCALES, ConfigError, read_config
from closerlook.planning.plan import Plan

ROOT = Path(__file__).parents[2]
SHIPPED = shipped()
EXPERIMENTS = ("sharpness", "regularizers")  # between them they have every section; five would only be slower
RAW = SHIPPED | {
    "experiments": {name: SHIPPED["experiments"][name] for name in EXPERIMENTS},
    "figures": {name: SHIPPED["figures"][name] for name in EXPERIMENTS},
}
EXAMPLES = 3000


def deep(levels):
    node = []
    for _ in range(levels):
        node = [node]
    return node


def cyclic():
    node = {}
    node["again"] = [node]
    return node


ODD_YAML = """
010 | 0x10 | 0b1 | 1_000 | 1:30 | 1e3 | 1e-3 | 1.e+3 | .5 | .nan | -.inf | -0 | ~ | yes | No | on | OFF | y | '5'
2026-11-22 | 2026-11-22T10:00:00Z | !!binary aGk= | !!set {a, b} | !!str 5 | !!float 5 | !!omap [a: 1] | {} | [] | [[]]
{1: 2} | {~: 1} | {yes: [0.5]} | {none: [0], randX: [1.e-400, 1.e+400]} | {60: 0.1} | {-1: 0.1} | {1.5: 1} | {0.5: [1]}
{2026-11-22: 1} | {curvature: ~} | {curvature: {}} | {epochs: [0]} | {stages: {1: yes}} | [&a [*a]]
"""  # YAML 1.1 reads an octal, a time of day, truth values, dates, sets and bytes out of these
YAML_VALUES = [yaml.safe_load(text) for text in ODD_YAML.strip().replace("\n", " | ").split(" | ")]
EXTREME = [
    0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**400, -(10**400), 10**5000, 1e308, -1e308, 5e-324, 1e-400, -0.0, 1.5,
    float("nan"), float("inf"), float("-inf"), True, False, None, b"bytes", (1, 2), {1, 2}, object(), 1j, "", " ", "\n",
    "\x00", "\x1b[31m", "\ud800", "\u2028", "é", "日本", "A" * 100_000, "a\nb" * 1000, "$(id)", "; rm", "../..", "nan",
    "inf", "1", "0.5", "-1", "yes", "mnist", "mlp", "quick", "smoke", "paper", "A", "float64", "[key]", [], {},
    [None], [[]], [{}], {"": 1}, {None: 1}, {1: 1}, {"[key]": 1}, {(1, 2): 1}, [1, 1], list(range(1, 2000)),
]  # fmt: skip
# Built where they are used: neither survives the deep copy that the others get.
MONSTERS = {"deep": lambda: deep(10_000), "cyclic": cyclic, "wide": lambda: [0.5] * 10_000}
KEYS = [
    "", " ", "widht", "epochs", "scales", "smoke", "paper", "noise", "none", "curvature", "[key]", "a b", "a/b", "..",
    "-x", "$(touch x)", "é", "\ud800", "x" * 5000, "a\nb", 1, 1.5, None, True, (1, 2), float("nan"), 2**70,
]  # fmt: skip


def places(node, path=()):
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


PLACES = [path for path in places(RAW) if path]
OPERATIONS = ("set", "set", "set", "yaml", "number", "delete", "rename", "swap", "copy", "insert", "nest", "monster")
CHANGE = st.tuples(
    st.sampled_from(OPERATIONS),
    st.sampled_from(PLACES),
    st.sampled_from(PLACES),
    st.integers(0, 10_000),
    st.one_of(st.integers(), st.floats(), st.floats(0, 1), st.text(max_size=8)),
)


def parent(raw, path):
    """Return what holds a place, None where an earlier change took it away."""
    node = raw
    for key in path[:-1]:
        if not isinstance(node, (dict, list)) or (isinstance(node, list) and not (key == 0 and node)):
            return None
        if isinstance(node, dict) and key not in node:
            return None
        node = node[key]
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    return node if path[-1] in keys else None


def mutated(changes):
    raw = copy.deepcopy(RAW)
    for operation, path, other, number, value in changes:
        holder, second = parent(raw, path), parent(raw, other)
        if holder is not None:
            change(operation, holder, path[-1], second, other[-1], number, value)
    return raw


def change(operation, holder, key, second, other, number, value):
    match operation:
        case "set":
            holder[key] = copy.copy(EXTREME[number % len(EXTREME)])
        case "yaml":
            holder[key] = YAML_VALUES[number % len(YAML_VALUES)]
        case "number":
            holder[key] = value
        case "monster":
            holder[key] = list(MONSTERS.values())[number % len(MONSTERS)]()
        case "nest":
            holder[key] = [holder[key]] if number % 2 else {"a": holder[key]}
        case "delete":
            del holder[key]
        case "insert" if isinstance(holder, dict):
            holder[KEYS[number % len(KEYS)]] = value
        case "rename" if isinstance(holder, dict):
            holder[KEYS[number % len(KEYS)]] = holder.pop(key)
        case "swap" if second is not None:
            holder[key], second[other] = second[other], holder[key]
        case "copy" if second is not None:
            holder[key] = second[other]


def verdict(raw, scales=SCALES):
    """Return "plans", or the line by which a configuration is refused at one of the scales."""
    try:
        for scale in scales:
            assert Plan(read_config(raw, scale)).networks() <= MOST_NETWORKS
    except ConfigError as error:
        return str(error)
    return "plans"


def require_good_line(line):
    assert line.isprintable(), repr(line)
    assert len(line) < 500


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
def test_mutated_configurations_plan_or_are_refused_in_one_line():
    seen = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(CHANGE, min_size=1, max_size=3), st.sampled_from([None, *SCALES]))
    def every(changes, scale):
        line = verdict(mutated(changes), [scale])
        require_good_line(line)
        seen["plans" if line == "plans" else "refused"] += 1

    every()
    assert seen["plans"] > EXAMPLES / 100, "else only refusals were tried"
    assert seen["refused"] > EXAMPLES / 2


def with_experiment(**options):
    raw = copy.copy(RAW)
    raw["experiments"] = {**RAW["experiments"], "sharpness": {**RAW["experiments"]["sharpness"], **options}}
    return raw


def without_scales(**options):
    return with_experiment(**{"scales": None, "seeds": 10, "checkpoints": {"fit": True}, "after_fit": 0} | options)


BOMBS = {
    "a grid of 10^9": (
        {
            "learning_rate": [0.001 + i / 10**6 for i in range(1000)],
            "width": list(range(1, 1001)),
            "regularizers": {"dropout": [i / 200 for i in range(1, 101)]},
        },
        "experiments.sharpness: its grid has 14,140,000,000 networks",
    ),
    "one axis of 10^5": ({"learning_rate": [i * 1e-9 for i in range(1, 10**5)]}, "its grid has 13,999,860 networks"),
    "10^12 seeds": ({"seeds": 10**12}, "sharpness.seeds: 1000000000000: input should be less than or equal to 1000000"),
    "10^9 layers": (
        {"network_options": {"depth": 10**9}},
        "depth: 1000000000: input should be less than or equal to 100",
    ),
    "10^12 units": ({"width": [10**12]}, "width.0: 1000000000000: input should be less than or equal to 1000000"),
    "10^12 epochs": ({"epochs": 10**12}, "epochs: 1000000000000: input should be less than"),
    "a number of 5000 digits": (
        {"epochs": 10**5000},
        "epochs: 'a number of 16610 bits': input should be a valid integer",
    ),
    "such a rate": ({"learning_rate": [10**5000]}, "learning_rate.0: "),
    "10^4 levels of lists": ({"width": deep(10_000)}, "width.0.0: nested too deeply"),
    "a mapping in itself": ({"noise": cyclic()}, "noise.again"),
    "a text of 10 MB": ({"network": "x" * 10**7}, "network: "),
    "a key of 10 MB": ({"x" * 10**7: 1}, "experiments.sharpness.xxx"),
    "a line break in a key": ({"a\nb": 1}, "experiments.sharpness.a b: unknown key"),
    "a terminal's code in a key": ({"\x1b[31m": 1}, "experiments.sharpness.\\x1b[31m: unknown key"),
    "a level twice": ({"noise": {"randY": [0.5, 0.5]}}, "experiments.sharpness.noise.randY: holds a value twice"),
    "two losses of one name": (
        {"checkpoints": {"losses": [0.1, 0.10000001]}},
        "experiments.sharpness.checkpoints.losses: holds a value twice",
    ),
    "yes for a rate": ({"learning_rate": True}, "learning_rate.0: True: input should be a valid number"),
    "yes for an epoch": ({"after_fit": True}, "after_fit: True: input should be a valid integer"),
}


@pytest.mark.parametrize("case", BOMBS)
def test_bombs_and_oddities_are_refused_before_anything_is_expanded(case):
    options, expected = BOMBS[case]
    line = verdict(without_scales(**options))
    require_good_line(line)
    assert expected in line


def test_networks_are_counted_over_all_experiments():
    one = without_scales(learning_rate=[i / 10**4 for i in range(1, 351)])
    assert verdict(one, ["quick"]) == "plans"
    three = one | {"experiments": dict.fromkeys(("a", "b", "c"), one["experiments"]["sharpness"]), "figures": {}}
    assert f"147,000; allowed: {MOST_NETWORKS:,} in all" in verdict(three, ["quick"])


@pytest.mark.parametrize("name", ["capacity", "Time-Width_2", "9", "a" * 64])
def test_safe_names_are_taken(name):
    raw = RAW | {
        "experiments": {name: RAW["experiments"]["regularizers"]},
        "figures": {name: {"experiments": [name]}},
    }
    assert verdict(raw) == "plans"


UNSAFE = [
    "",
    "a b",
    "$(touch x)",
    "a;b",
    "a'b",
    "..",
    "a/b",
    "/etc",
    "-rf",
    "_x",
    "é",
    "a.b",
    "{a}",
    "a\n",
    "a" * 65,
    5,
    None,
]


@pytest.mark.parametrize("section", ["experiments", "figures"])
@pytest.mark.parametrize("name", UNSAFE, ids=repr)
def test_names_that_a_shell_or_path_could_misread_are_refused(section, name):
    raw = RAW | {section: {**RAW[section], name: next(iter(RAW[section].values()))}}
    line = verdict(raw)
    require_good_line(line)
    assert line.startswith(
        f"config: {section}: {name!r} is not a name" if len(str(name)) < 65 else f"config: {section}: 'aaa"
    )
    assert "allowed: 1 to 64 letters, digits, - and _" in line


@pytest.mark.parametrize("name", ["noise", "tables", "figures"])
def test_an_experiment_does_not_take_the_name_of_another_folder(name):
    raw = RAW | {"experiments": {name: RAW["experiments"]["regularizers"]}, "figures": {}}
    assert f"experiments.{name}: the results have a folder of this name" in verdict(raw)


@pytest.mark.parametrize("scale", [["quick"], {}, None, 5, "huge", True], ids=repr)
def test_a_scale_that_is_none_is_refused_whichever_is_asked_for(scale):
    assert "is not a scale; allowed: smoke, quick, paper" in verdict(RAW | {"scale": scale})


def test_planning_needs_no_torch():
    code = "import sys, closerlook.config.reading, closerlook.planning.plan; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
