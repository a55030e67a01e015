"""`closerlook check`: our own things pass, and one that is wrong is named in one line with what is wrong."""

import sys
from textwrap import dedent

import pytest

from closerlook import things
from closerlook.__main__ import main
from closerlook.config.reading import read_config
from closerlook.conformance import TRIALS, Finding, check
from closerlook.things import ROOMS, room

OURS = [(inside, name) for inside in ROOMS for name in room(inside).names() if inside not in ("tables", "figures")]


@pytest.fixture(autouse=True)
def nothing_stays():
    """Modules and folders of a test are no other test's."""
    before = set(sys.modules)
    yield
    things.use([])
    for name in [name for name in set(sys.modules) - before if name.startswith("closerlook.") and "_bad" in name]:
        del sys.modules[name]


def test_every_room_is_tried():
    assert TRIALS.keys() == ROOMS.keys()


@pytest.mark.parametrize(("inside", "name"), OURS)
def test_our_own_things_pass(inside, name):
    assert check(inside, name).problem == ""


@pytest.mark.parametrize("paper", ["A", "B"])
def test_our_papers_pass(paper, capsys):
    assert main(["check", str(read_config("config.yaml", "smoke").papers[paper].folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ok   paper.yaml"
    assert any(line.startswith("ok   figures/") for line in lines)


def test_what_was_not_tried_is_said():
    assert check("measures", "sensitivity") == Finding(
        "measures/sensitivity", untried="not tried: option steps has no default"
    )


SGD = """
    from closerlook.optimizers import Optimizer
    from closerlook.optimizers.sgd import Descent
    """
CROSS_ENTROPY = "from closerlook.objectives.cross_entropy import CrossEntropy\n"
MLP = """
    from closerlook.nets.architecture import Architecture, Layer, dense
    def layers(shape, widths, classes, options):
        sizes = (shape[0] * shape[1] * shape[2], *widths, classes)
        return [Layer(dense(n, sizes[n], sizes[n + 1]), site=sizes[n + 1 : n + 2] if n == 0 else None) for n in (0, 1)]
    network = Architecture(words="own", layers=layers)
    """
FORWARD = """
    from closerlook.nets.network import AutogradNetwork
    from closerlook.nets.NAME import network
    class build(AutogradNetwork):
        architecture = network
        def outputs(self, parameters, inputs, perturbation, training):
            if perturbation: inputs = perturbation.apply(0, inputs)
            hidden = inputs.flatten(2) @ parameters["weight0"].mT + parameters["bias0"].unsqueeze(1)
            hidden = hidden.relu()
            if perturbation: hidden = perturbation.apply(1, hidden)
            return (hidden @ parameters["weight1"].mT + parameters["bias1"].unsqueeze(1)).mT
    """
NOISE = """
    from random import random
    from closerlook.data.noise import Noise
    from closerlook.things import Look
    noise = Noise(words="own", replaces="inputs", look=Look("#888833", "P"))
    """
MEASURE = """
    from dataclasses import dataclass
    from closerlook.layout import Column
    from closerlook.measures.declaration import Measure
    @dataclass(frozen=True)
    class Options:
        '''None.'''
    measure = Measure(options=Options, writes={"{checkpoint}/norm": Column("float64", ("member",), "its norm")})
    """
REGULARIZER = """
    from closerlook.regularizers import Perturbs, Regularizer
    from closerlook.spec import Positive
    from closerlook.things import Look
    regularizer = Regularizer(words="own", strength=Positive, meaning="none", look=Look("#888833", "P"), DOES)
    """
DRAWN = """
    import numpy
    def run(job, options):
        draws = numpy.random.default_rng()
        return {f"{name}/norm": draws.random(len(job.spec.members)) for name in job.checkpoints}
    """
SINGLE = """
    def run(job, options):
        return {f"{name}/norm": job.parameters(name).norm(dim=1).numpy() for name in job.checkpoints}
    """
FIGURE = "MEASURES = ()\nCOLUMNS = ('seed',)\ndef tabulate(trained, measured=None, targets=None): ...\n"
SET = """
    from closerlook.data.sets import DataSet, Source
    dataset = DataSet(title="own", licence="", image_shape=(1, 8, 8), classes=2, training=9, validation=9, test=0,
        sha256=dict.fromkeys(("train/images", "train/labels", "test/images", "test/labels"), "0"), sources=FROM)
    """

BAD = {
    "a set without a source": ("sets", SET.replace("FROM", "()"), "needs sources"),
    "a set whose reader is not there": (
        "sets",
        SET.replace("FROM", "(Source('here', 'no_such_reader'),)"),
        "no attribute 'no_such_reader'",
    ),
    "a noise of no seed": (
        "noise",
        f"{NOISE}\n    def draw(rng, inputs, labels, statistics): return inputs * random()",
        "other noise for the same seed",
    ),
    "a noise that spoils what is clean": (
        "noise",
        f"{NOISE}\n    def draw(rng, inputs, labels, statistics):\n"
        "        inputs += rng.random()\n        return inputs.copy()",
        "changes the clean examples",
    ),
    "an objective with a wrong gradient": (
        "objectives",
        f"{CROSS_ENTROPY}class Own(CrossEntropy):\n"
        "    def gradient(self, outputs, targets): return -super().gradient(outputs, targets)\nobjective = Own()",
        "not the derivative of losses",
    ),
    "an objective with a wrong curvature": (
        "objectives",
        f"{CROSS_ENTROPY}class Own(CrossEntropy):\n"
        "    def hessian_product(self, outputs, targets, directions): return directions.clone()\nobjective = Own()",
        "not the derivative of gradient",
    ),
    "an optimizer that stands still": (
        "optimizers",
        f"{SGD}class Still(Descent):\n        def step(self, parameters, gradient): gradient(self.state, 0.0)\n"
        "    optimizer = Optimizer(words='own', start=Still)",
        "does not lower a quadratic",
    ),
    "an optimizer that remembers more than it says": (
        "optimizers",
        f"{SGD}optimizer = Optimizer(words='own', start=Descent, state=0)",
        "declares state=0",
    ),
    "a regularizer that does nothing": ("regularizers", REGULARIZER.replace(", DOES", ""), "changes nothing"),
    "a regularizer whose code fails": (
        "regularizers",
        REGULARIZER.replace("DOES", "adds=lambda setting: 1 / 0"),
        "ZeroDivisionError",
    ),
    "a name that nothing gives": (
        "regularizers",
        REGULARIZER.replace("DOES", "adds=lambda setting: nothing"),
        "line 6: 'nothing' is neither defined nor imported",
    ),
    "no declaration": ("regularizers", "", "needs `regularizer = ...`"),
    "a measure that draws at random": ("measures", (MEASURE, DRAWN), "measures another epoch-0/norm the second time"),
    "a measure of another precision": ("measures", (MEASURE, SINGLE), "holds 'float32', and a "),
    "a measure that returns less than it declares": (
        "measures",
        (MEASURE, "def run(job, options): return {}"),
        "did not return epoch-0/norm",
    ),
    "a network that lets no regularizer in": (
        "nets",
        (MLP, FORWARD.replace("perturbation.apply(1, hidden)", "hidden")),
        "do not reach its site 1",
    ),
    "a network that looks at its neighbours": (
        "nets",
        (MLP, FORWARD.replace("hidden.relu()", "hidden - hidden.mean(1, keepdim=True)")),
        "depend on the others of its batch",
    ),
    "a network with a wrong derivative": (
        "nets",
        (MLP, FORWARD.replace("hidden.relu()", "hidden.detach()")),
        "backward",
    ),
    "an import that fails": ("nets", "import nothing_such", "cannot be used"),
    "a table of a measure that is not there": (
        "tables",
        FIGURE.replace("()", "('magic',)", 1),
        "no measure magic",
    ),
    "a figure without draw": ("figures", FIGURE, "draw"),
    "a figure that is called otherwise": (
        "figures",
        f"{FIGURE}def draw(): ...",
        "draw cannot be called with 1 arguments",
    ),
    "a module of no claim's test": ("claims", "REGISTRY = {}", "registers no test"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_thing_is_named_in_one_line_with_what_is_wrong(case, tmp_path, capsys):
    room_folder, source, words = BAD[case]
    name = f"{case.replace(' ', '_').replace(chr(39), '')}_bad"
    light, heavy = source if isinstance(source, tuple) else (source, None)
    thing = tmp_path / room_folder / name
    thing.mkdir(parents=True)
    (thing / "__init__.py").write_text(f'"""Own."""\n{dedent(light)}')
    if heavy:
        (thing / "run.py").write_text(dedent(heavy).replace("NAME", name))
    assert main(["check", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"FAIL {room_folder}/{name}: ")
    assert words in line


def test_a_right_network_passes(tmp_path, capsys):
    thing = tmp_path / "nets" / "right_not_bad"
    thing.mkdir(parents=True)
    (thing / "__init__.py").write_text(f'"""Own."""\n{dedent(MLP)}')
    (thing / "run.py").write_text(dedent(FORWARD).replace("NAME", "right_not_bad"))
    assert main(["check", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "ok   nets/right_not_bad\n"


HEAVY = {
    "at the top": ("import math\nimport numpy", "imports numpy at every start of Snakemake (FILE, line 3)"),
    "as a part": ("from torch.nn import functional", "imports torch at"),
    "in a class": ("class A:\n    import torch", "imports torch at every start of Snakemake (FILE, line 3)"),
    "where it may fail": ("try:\n    import math\nexcept ImportError:\n    import numpy", "imports numpy at"),
    "through ours": ("from closerlook import store", "imports h5py at every start of Snakemake (closerlook/store/"),
    "through a neighbour": ("from closerlook.data.noise._helps_bad import HELP", "imports numpy at"),
    "through what lies in it": ("from .inner import HELP", "imports numpy at"),
}
LIGHT = ["def late():\n    import torch", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"]


def heavy(folder, name, top):
    """Write a kind of noise that begins so, and what it may reach; return its file."""
    thing = folder / "noise" / name / "__init__.py"
    thing.parent.mkdir(parents=True)
    thing.write_text(f'"""Own."""\n{top}\n{dedent(NOISE)}\ndef draw(rng, inputs, labels, statistics):\n'
                     "    return rng.random(inputs.shape, dtype=inputs.dtype)\n")  # fmt: skip
    for helper in (thing.parent / "inner.py", folder / "noise" / "_helps_bad.py"):
        helper.write_text("import numpy\nHELP = 1\n")
    return thing


@pytest.mark.parametrize("case", HEAVY)
def test_a_light_side_that_imports_what_is_heavy_is_told_so(case, tmp_path, capsys):
    top, words = HEAVY[case]
    thing = heavy(tmp_path, f"heavy_{case.replace(' ', '_')}_bad", top)
    assert main(["check", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert words.replace("FILE", str(thing)) in line


@pytest.mark.parametrize("top", LIGHT)
def test_imports_within_functions_and_for_types_are_light(top, tmp_path, capsys):
    heavy(tmp_path, f"light{LIGHT.index(top)}_not_bad", top)
    assert main(["check", str(tmp_path)]) == 0, capsys.readouterr().out


def test_a_file_that_is_no_thing_for_its_name_fails(tmp_path, capsys):
    heavy(tmp_path, "my-noise", "")
    (tmp_path / "noise" / "3d.py").write_text(dedent(NOISE))
    assert main(["check", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "FAIL noise/3d.py: is not found, for that is no Python name: call it my_3d.py",
        "FAIL noise/my-noise: is not found, for that is no Python name: call it my_noise",
    ]


def test_a_thing_without_a_docstring_is_told_so(tmp_path, capsys):
    (tmp_path / "objectives").mkdir()
    (tmp_path / "objectives" / "mute_bad.py").write_text(f"{CROSS_ENTROPY}objective = CrossEntropy()")
    assert main(["check", str(tmp_path)]) == 1
    assert "needs a docstring" in capsys.readouterr().out


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_things_is_refused(there, tmp_path, capsys):
    assert main(["check", str(tmp_path if there else tmp_path / "none")]) == 1
    words = "holds nothing to check" if there else "no such folder"
    assert words in capsys.readouterr().err
