"""What a change of the configuration, a thing or a text changes of what each result is made from."""

from dataclasses import replace
from pathlib import Path

import pytest
from shipped import shipped

from closerlook.config.papers import Paper, read_paper
from closerlook.config.reading import read_config
from closerlook.planning.lineage import Lineage, whole_tens
from closerlook.planning.plan import Plan
from closerlook.things import PACKAGE, use

SCRIPTS = PACKAGE.parent / "scripts"
PAPERS = [PACKAGE.parent / "papers" / letter for letter in "AB"]


CLAIM = """
- {id: A1, statement: More is better., source: here, figure: capacity, test: needed_width_slope, expected: increase,
   with: {column: best_train_accuracy, reach: 0.99}}
"""


def planned(raw):
    config = read_config(raw, "smoke")
    use(PAPERS)  # the mapping names no paper, but its figures are theirs
    return Plan(replace(config, papers={folder.name: read_paper(folder) for folder in PAPERS}))


def digests(change=None):
    """Return the digest of everything at scale smoke: (kind, name, ...) -> digest."""
    raw = shipped()
    if change:
        change(raw)
    plan = planned(raw)
    lineage = Lineage(plan, SCRIPTS)
    found = {("noise", subset, kind): lineage.noise(subset, kind) for subset in plan.subsets for kind in ("randX",)}
    for experiment, ensembles in plan.ensembles.items():
        for ensemble in ensembles:
            found["train", experiment, ensemble] = lineage.trained(experiment, ensemble)
            for measure in plan.config.experiments[experiment].measures:
                found[measure, experiment, ensemble] = lineage.measured(experiment, measure, ensemble)
    found |= {("figure", figure): lineage.figure(figure) for figure in plan.config.figures}
    found["claims",] = lineage.claims()
    found["provenance",] = lineage.provenance()
    return found


@pytest.fixture(scope="module")
def before():
    return digests()


def changed(before, change):
    after = digests(change)
    assert before.keys() == after.keys()
    return {key for key in before if before[key] != after[key]}


def test_nothing_changes_nothing(before):
    assert digests() == before


def test_an_option_changes_its_experiment_and_what_comes_of_it(before):
    def longer(raw):
        raw["experiments"]["sharpness"]["scales"]["smoke"]["evaluate_every"] = 5

    found = changed(before, longer)
    assert {key[1] for key in found if key[0] in ("train", "curvature")} == {"sharpness"}
    assert {key[1] for key in found if key[0] == "figure"} == {"sharpness"}
    assert ("claims",) in found
    assert not {key for key in found if key[0] == "noise"}


def test_an_option_of_a_measure_trains_nothing(before):
    def finer(raw):
        raw["experiments"]["sharpness"]["measures"] = {"curvature": {"tolerance": 0.002}}

    found = changed(before, finer)
    assert {key[0] for key in found} == {"curvature", "figure", "claims", "provenance"}
    assert {key for key in found if key[0] == "figure"} == {("figure", "sharpness")}


def test_more_seeds_of_data_change_no_training(before):
    def more(raw):
        raw["data"]["seeds"] = 12

    assert changed(before, more) == {("provenance",)}
    assert [whole_tens(seeds) for seeds in (1, 8, 10, 11, 20)] == [10, 10, 10, 20, 20]


def test_an_option_at_its_default_changes_nothing(before):
    def said(raw):
        raw["experiments"]["sharpness"] |= {"objective": "cross_entropy", "network_options": {"depth": 2}}

    assert changed(before, said) == set()


def test_the_original_values_and_the_claims_count(tmp_path):
    """Of a figure, of the claims and of the text that shows it, whichever is asked for first."""
    bare = planned(shipped()).config
    folder = tmp_path / "A"
    papers = {"A": Paper("A", folder, "own")}
    figures = {"capacity": replace(bare.figures["capacity"], paper="A")}
    plan = Plan(replace(bare, papers=papers, figures=figures))
    (folder / "targets").mkdir(parents=True)
    found = []
    for targets, claims in (("a", "a"), ("b", "a"), ("a", "b")):
        (folder / "targets" / "capacity.csv").write_text(targets)
        (folder / "claims.yaml").write_text(f"{CLAIM} # {claims}")
        first, other = Lineage(plan, SCRIPTS), Lineage(plan, SCRIPTS)
        asked = first.text(["A"], []), first.claims(), first.figure("capacity")
        assert asked == (other.figure("capacity"), other.claims(), other.text(["A"], []))[::-1]
        found.append(asked)
    texts, claims, figures = (list(values) for values in zip(*found, strict=True))
    assert len(set(texts)) == len(set(claims)) == 3
    assert figures[0] == figures[2] != figures[1]


def test_where_the_checkout_lies_does_not_enter(before, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert digests() == before
    assert not list(Path(tmp_path).rglob("*")), "nothing is written by looking"
