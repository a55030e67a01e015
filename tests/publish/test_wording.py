"""What texts may say of a paper's networks follows from what its experiments use."""

from __future__ import annotations

import json

import pytest
from shipped import config

from closerlook import things
from closerlook.publish.wording import Trained, parts, sentences, words

ALL = {"data": ["mnist", "fashion"], "network": ["mlp", "alexnet"], "objective": ["cross_entropy", "offset"]}


@pytest.fixture(scope="module")
def settings() -> dict:
    return json.loads(config("smoke").to_json())


def names(uses: list[dict]) -> list[str]:
    return [use["name"] for use in uses]


def test_of_all_papers_everything_is_told_and_what_most_use_comes_first(settings):
    told = parts(settings, {})
    assert {kind: names(told["uses"][kind]) for kind in ALL} == ALL
    assert told["experiments"] == list(settings["experiments"])
    assert names(told["uses"]["optimizer"]) == ["sgd"]
    assert told["same_examples"] == ["easy"]
    assert told["with_momentum"]


def test_a_paper_uses_what_its_figures_show_and_its_own_file_has(settings):
    told = parts(settings, {})["papers"]
    assert set(told["A"]["experiments"]) == {"capacity", "time-width", "time-examples", "sharpness", "regularizers"}
    assert "capacity" in told["B"]["experiments"], "B draws it, too"
    assert names(told["A"]["uses"]["network"]) == ["mlp"]
    assert (told["A"]["at_losses"], told["A"]["same_examples"]) == (True, [])
    (offset,) = (use for use in told["B"]["uses"]["objective"] if use["name"] == "offset")
    assert offset["experiments"] == ["sensitivity", "sensitivity-own"]
    assert "lass" in names(told["B"]["uses"]["regularizer"])
    assert "combined" not in names(told["B"]["uses"]["regularizer"])
    assert "lass" not in names(told["A"]["uses"]["regularizer"])


def test_an_experiment_that_no_figure_shows_is_its_papers_all_the_same(settings):
    lonely = {**settings["experiments"]["easy"], "paper": "mine", "dataset": ["fashion"], "noise": {"randY": [0.0]}}
    told = parts({"experiments": {"lonely": lonely}, "figures": {}}, {})
    assert names(told["papers"]["mine"]["uses"]["data"]) == ["fashion"]
    assert told["papers"]["mine"]["uses"]["noise"] == [], "at level 0 nothing is corrupted"
    assert told["empty"]["uses"]["data"] == []


def test_networks_are_counted_by_paper(settings):
    trained = {
        "capacity": Trained(10, 1, 2, {"torch": "2"}, frozenset({"cpu"})),
        "easy": Trained(5, 3, 1, {"torch": "2", "numpy": "1"}, frozenset({"cuda"})),
    }
    told = parts(settings, trained)
    assert (told["networks"], told["diverged"], told["ensembles"], told["devices"]) == (15, 4, 3, ["cpu", "cuda"])
    a = told["papers"]["A"]
    assert (a["networks"], a["diverged"], a["devices"], a["versions"]) == (10, 1, ["cpu"], {"torch": "2"})
    assert told["papers"]["B"]["networks"] == 15


def test_a_thing_says_what_it_declares_or_else_what_its_docstring_does(tmp_path):
    before = things.own_folders()
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "worn.py").write_text(
        '"""Pixels *worn* off by `p`, -1 to 1.\n\nMore."""\n\nfrom closerlook.data.noise import Noise\n'
        "from closerlook.things import Look\n\n"
        'noise = Noise(words="wear", replaces="inputs", look=Look("#888833", "P"))\n'
    )
    (tmp_path / "noise" / "broken.py").write_text("def half(:")
    things.use([*before, tmp_path])
    try:
        uses = {"noise": ["worn", "randY"], "network": ["mlp"], "objective": ["offset"], "regularizer": ["lass"]}
        said = sentences({kind: [{"name": name, "experiments": []} for name in some] for kind, some in uses.items()})
        assert words()["noise"]["worn"] == "wear"
        assert "broken" not in words()["noise"]
    finally:
        things.use(before)
    assert said["noise"]["worn"] == "Pixels worn off by p, \N{MINUS SIGN}1 to 1"
    assert said["noise"]["randY"].startswith("a corrupted label is uniform over all classes")
    assert said["objective"]["offset"].startswith("\N{MINUS SIGN}log(0.1 + p)")
    assert said["network"]["mlp"] == "A multi-layer perceptron: fully connected layers with ReLU between them"
    assert ";" not in said["regularizer"]["lass"]
