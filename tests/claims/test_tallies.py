"""Counts over claims against counting by hand, and which effects differ for sure."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

import pytest

from closerlook.claims.tallies import departures, groups, is_above, tally, write_tallies


def claim(name: str, verdict: str = "undecided", effect: float | None = 1.0, paper: str = "A", width: float = 0.5):
    low, high = (None, None) if effect is None else (effect - width, effect + width)
    return {"id": name, "paper": paper, "verdict": verdict, "effect": effect, "low": low, "high": high}


JUDGED = [
    claim("A2-x-mnist", "supported", 1.0),
    claim("A2-x-fashion", "supported", 4.0),
    claim("A2-y-mnist", "contradicted", -1.0),
    claim("A2-y-fashion", "undecided", 0.1),
    claim("A10-x", "contradicted", -2.0),
    claim("A10-x-trace", "undecided", None),
    claim("B1-x", "supported", 2.0, paper="B"),
]


def test_a_tally_counts_every_claim_once():
    assert tally(JUDGED) == {
        "claims": 7, "run": 6, "supported": 3, "contradicted": 2, "undecided": 1, "not_run": 1, "unsettled": 2,
        "largest": "A2-x-fashion", "smallest": "A2-x-mnist",
    }  # fmt: skip
    assert tally([]) == dict.fromkeys(tally([]), 0) | {"largest": None, "smallest": None}


def test_claims_that_were_not_run_are_not_undecided():
    found = tally([claim("A1", "undecided", None)])
    assert (found["undecided"], found["not_run"], found["unsettled"], found["run"]) == (0, 1, 1, 0)


def test_groups_are_beginnings_and_names_with_open_parts():
    found = {name: [one["id"] for one in some] for name, some in groups(JUDGED).items()}
    assert found["A2"] == [one["id"] for one in JUDGED[:4]]
    assert found["A2-x"] == ["A2-x-mnist", "A2-x-fashion"]
    assert found["A10-x"] == ["A10-x", "A10-x-trace"]
    assert found["A2-*-mnist"] == ["A2-x-mnist", "A2-y-mnist"]
    assert found["A2-*-*"] == found["A2"]
    assert "A1" not in found, "a beginning ends at a hyphen"
    for name in (name for name in found if "*" in name):
        assert found[name] == [one["id"] for one in JUDGED if fnmatchcase(one["id"], name)]


def test_departures_are_told_by_family_in_the_order_of_its_number():
    assert departures(JUDGED) == [
        {"family": "A2", "contradicted": 1, "claims": 4},
        {"family": "A10", "contradicted": 1, "claims": 2},
    ]
    assert departures(JUDGED[-1:]) == []


@pytest.mark.parametrize(
    ("high", "low", "sure"), [(3.0, 1.0, True), (2.0, 1.0, False), (1.5, 1.0, False), (1.0, 3.0, False)]
)
def test_an_effect_is_above_another_where_the_intervals_do_not_meet(high, low, sure):
    assert is_above(claim("A1-x", effect=high), claim("A1-y", effect=low)) is sure
    assert not is_above(claim("A1-x", effect=high), claim("A2-y", effect=low)), "of another family"
    assert not is_above(claim("A1-x", effect=high), claim("A1-y", effect=None))


def test_what_is_written_is_complete_and_the_same_twice(tmp_path):
    (tmp_path / "claims.json").write_text(json.dumps({"claims": JUDGED}))
    for name in ("one", "two"):
        write_tallies(tmp_path / "claims.json", tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    found = json.loads((tmp_path / "one").read_text())
    assert found["all"] == tally(JUDGED)
    assert found["papers"] == {"A": tally(JUDGED[:6]), "B": tally(JUDGED[6:])}
    assert found["half_width"]["A2-x-mnist"] == 0.5
    assert found["half_width"]["A10-x-trace"] is None
    assert found["above"]["A2-x-fashion"] == ["A2-x-mnist", "A2-y-mnist", "A2-y-fashion"]
