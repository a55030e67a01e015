from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from scipy import stats

from closerlook.claims.estimates import estimate, verdict
from closerlook.claims.tests.differences import difference_by_seed


def table(seeds: int = 5) -> pd.DataFrame:
    frame = pd.DataFrame(itertools.product(range(seeds), ("initial", "trained", "learned")), columns=["seed", "stage"])
    return frame.assign(score=np.random.default_rng(0).normal(size=len(frame)) + 9.0 * frame["seed"])


def compare(rows: pd.DataFrame):
    return estimate(difference_by_seed(rows, column="score", between="stage", of="trained", less="initial"), 1, 0.0)


def test_the_difference_is_the_paired_t_test_of_scipy() -> None:
    rows = table()
    found = compare(rows.sample(frac=1, random_state=1))
    by_stage = rows.pivot(index="seed", columns="stage", values="score")
    oracle = stats.ttest_rel(by_stage["trained"], by_stage["initial"])
    assert found.n == 5
    assert found.effect == (by_stage["trained"] - by_stage["initial"]).mean()
    assert abs(found.p - oracle.pvalue) < 1e-12


def test_rows_of_one_seed_are_averaged_first() -> None:
    rows = table()
    shifted = rows.assign(score=rows["score"] + np.where(rows["stage"] == "trained", 2.0, 0.0))
    found = compare(pd.concat([rows, shifted]))
    assert found.n == 5
    assert abs(found.effect - compare(rows).effect - 1) < 1e-12


def test_seeds_without_both_and_rows_without_a_number_are_left_out() -> None:
    rows = table()
    lacking = rows[~((rows["seed"] == 0) & (rows["stage"] == "initial"))].copy()
    lacking.loc[(lacking["seed"] == 1) & (lacking["stage"] == "trained"), "score"] = np.nan
    found = compare(lacking)
    assert found.n == 3
    assert found.effect == compare(rows[rows["seed"] > 1]).effect


def test_one_side_alone_is_not_run() -> None:
    rows = table()
    found = compare(rows[rows["stage"] != "initial"])
    assert found.n == 0
    assert verdict(found, 1) == "undecided"
    assert found.notes == ("not run at this scale: no seed with both 'trained' and 'initial'",)
