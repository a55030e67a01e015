"""A thing of each kind from outside the tree, those of docs/extending.md, through the real workflow."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from documented import write_own_things

EXPERIMENT = {
    "dataset": "digits",
    "image_size": 8,
    "examples": 60,
    "validation_examples": 40,
    "network": "residual",
    "objective": "squares",
    "optimizer": "signs",
    "learning_rate": 0.002,
    "regularizers": {"multiplied": [0.1]},
    "width": 8,
    "noise": {"none": [0], "shuffled": [1]},
    "seeds": 3,
    "epochs": 6,
    "checkpoints": {"epochs": [0, 6]},
    "measures": {"norms": {"order": 1}},
}
CLAIMS = [
    {
        "figure": "norms",
        "test": "difference_by_seed",
        "where": {"part": "weight0", "checkpoint": "epoch-6", "multiplied": 0},
    }
    | {"with": {"column": "norm", "between": "noise", "of": "shuffled", "less": "none"}},
    {"figure": "capacity", "test": "validates", "where": {"noise": "none", "width": 32}},
]
TEXT = """
#import "../results.typ": *
#import "../style.typ": *
= Own things
The first layer has a norm of #num(number("norms", "norm", "shuffled")) (@fig-norms): #effect("mine-0").
#plot("norms", "Norms of the layers", [Norms. #setting(experiment("mine")).])
"""


def write_npz(path):
    """Write a data set that can be learned: ten patterns, each with a little noise."""
    random = np.random.default_rng(0)
    labels = np.arange(240) % 10
    images = random.integers(200, size=(10, 8, 8))[labels] + random.integers(50, size=(240, 8, 8))
    np.savez(path, images=images.astype(np.uint8), labels=labels)


@pytest.fixture
def mine(project):
    """Return the project beside an own folder, an own data set and an own paper that uses all of them."""
    outside = project.folder.parent / "my own things"
    write_own_things(outside / "rooms")
    figure = outside / "rooms" / "figures" / "norms.py"
    figure.write_text(
        figure.read_text().replace('    "norm",\n', '    "norm",\n    "multiplied",\n')
    )  # a regularizer's
    write_npz(outside / "digits.npz")
    command = [sys.executable, "-m", "closerlook", "new", str(outside / "mine")]
    subprocess.run(command, cwd=project.folder, check=True, capture_output=True)
    shutil.rmtree(outside / "mine" / "figures")
    experiments = {"experiments": {"mine": EXPERIMENT}, "figures": {"norms": {"experiments": ["mine"]}}}
    (outside / "mine" / "experiments.yaml").write_text(yaml.safe_dump(experiments))
    common = {"statement": "It holds.", "source": "this paper", "expected": "increase"}
    claims = [common | claim | {"id": f"mine-{number}"} for number, claim in enumerate(CLAIMS)]
    (outside / "mine" / "claims.yaml").write_text(yaml.safe_dump(claims))
    (outside / "mine" / "section.typ").write_text(TEXT)
    configuration = {
        "papers": ["A", "B", "mine"],
        "own": ["rooms"],
        "data": {"own": {"digits": {"file": "digits.npz"}}},
    }
    (outside / "config.yaml").write_text(yaml.safe_dump(configuration))
    return project, outside


def test_a_thing_of_each_kind_comes_from_outside_and_reruns_nothing_else(mine):
    project, outside = mine
    configfile = ("--configfile", str(outside / "config.yaml"))
    jobs = project.would_run("all", *configfile)
    assert jobs["dataset"] == {"dataset=digits"}
    assert {"paper=mine" in job for job in jobs["one_paper"]} == {True}, "A and B say nothing else than before"
    for rule in ("noise", "train", "norms"):
        assert jobs.pop(rule), rule
    assert jobs["figure"] == {"scale=smoke, figure=norms"}
    assert not {"curvature", "critical_samples", "sensitivity"} & set(jobs)
    result = project.snakemake("all", *configfile)
    assert result.returncode == 0, result.stderr[-3000:]
    results = project.folder / "results/smoke"
    found = {one["id"]: one for one in json.loads((results / "claims.json").read_text())["claims"]}
    assert found["mine-0"]["verdict"] in ("supported", "contradicted", "undecided")
    assert found["mine-0"]["n"] == 3
    assert found["mine-1"]["effect_name"] == "mean best validation accuracy"
    assert (results / "papers/mine.pdf").stat().st_size > 10_000
    assert project.would_run("all", *configfile) == {}


BROKEN = ["noise", "nets", "objectives", "optimizers", "regularizers", "measures", "figures", "claims"]


def test_a_thing_that_cannot_be_imported_stops_nothing_else_and_is_named_when_used(project):
    """One broken thing in each room; then an experiment that uses one of them after the other."""
    for room in BROKEN:
        (project.folder / "own" / room).mkdir(parents=True)
        (project.folder / "own" / room / "broken.py").write_text('"""Broken."""\nimport nothing_such\nx = = 1\n')
    project.edit("config.yaml", "own: []", "own: [own]")
    assert project.would_run("all") == {}
    uses = {"network": "broken", "optimizer": "broken", "objective": "broken", "measures": {"broken": {}}}
    uses |= {"noise": {"broken": [1]}, "regularizers": {"broken": [1]}}
    for option, value in uses.items():
        room = {"network": "nets", "optimizer": "optimizers", "objective": "objectives"}.get(option, option)
        (project.folder / "use.yaml").write_text(yaml.safe_dump({"experiments": {"sharpness": {option: value}}}))
        result = project.snakemake("--dry-run", "all", "--configfile", "use.yaml")
        assert result.returncode == 1, option
        (line,) = [text for text in result.stderr.splitlines() if text.startswith("error: ")]
        assert f"own/{room}/broken.py" in line, option
        assert "Traceback" not in result.stderr
