from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from closerlook.claims.estimates import verdict
from closerlook.claims.judging import named_test


def times(exponents: dict[float, float], seeds: int = 4, spread: float = 0.0, random: int = 0) -> pd.DataFrame:
    """Level -> exponent of epochs to fit as a power of width."""
    rng = np.random.default_rng(random)
    cells = list(itertools.product(range(seeds), exponents, [64, 128, 256]))
    table = pd.DataFrame(cells, columns=["seed", "level", "width"]).assign(examples=1000, epochs=10**6)
    table["noise"] = np.where(table["level"] > 0, "randX", "none")
    powers = table["level"].map(exponents)
    table["epochs_to_fit"] = 1e4 * table["width"] ** powers * np.exp(rng.normal(0, spread, len(table)))
    return table


def run(table: pd.DataFrame, side: int = -1, swept: str = "width"):
    return named_test("exponent_slope_over_level").estimate(table, side, 0.0, swept=swept)


def test_the_slope_of_exponents_is_the_one_put_in() -> None:
    found = run(times({0.0: -0.1, 0.5: -0.2, 1.0: -0.3}))
    assert found.effect == pytest.approx(-0.2)
    assert found.n == 4


def test_between_two_levels_it_is_the_difference_of_scipys_exponents() -> None:
    table = times({0.0: -0.1, 1.0: -0.3}, spread=0.2)
    slopes = {
        cell: stats.linregress(np.log(rows["width"]), np.log(rows["epochs_to_fit"])).slope
        for cell, rows in table.groupby(["seed", "level"])
    }
    differences = [slopes[seed, 1.0] - slopes[seed, 0.0] for seed in range(4)]
    found = run(table)
    assert found.effect == pytest.approx(np.mean(differences))
    assert found.p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


def test_the_sweep_over_examples_is_taken_at_one_width() -> None:
    table = times({0.0: 0.0, 1.0: 0.0})
    more = [table[table["width"] == 128].assign(examples=examples) for examples in (250, 500, 2000)]
    grown = pd.concat([table, *more])
    grown["epochs_to_fit"] *= grown["examples"] ** (0.1 + 0.3 * grown["level"])
    assert run(grown, side=1, swept="examples").effect == pytest.approx(0.3)


def test_a_size_at_which_a_network_had_not_fitted_is_left_out_for_all() -> None:
    table = times({0.0: -0.1, 1.0: -0.3})
    late = (table["width"] == 64) & (table["level"] == 1) & (table["seed"] == 2)
    table.loc[late, ["epochs_to_fit", "epochs"]] = [np.nan, 1]
    found = run(table)
    assert found.effect == pytest.approx(-0.2)
    assert found.notes == ("networks not fitted: 1", "width 64 left out")


def test_too_few_sizes_that_fitted_decide_nothing() -> None:
    table = times({0.0: -0.1, 1.0: -0.3})
    table.loc[table["width"] < 256, "epochs_to_fit"] = np.nan
    found = run(table)
    assert math.isnan(found.effect)
    assert verdict(found, -1) == "undecided"
    assert "fewer than two noise levels at two values of width that all fitted" in found.notes[-1]


def test_null_tables_are_rarely_called_faster() -> None:
    verdicts = [
        verdict(run(times({0.0: -0.2, 0.4: -0.2, 1.0: -0.2}, spread=0.2, random=random)), -1) for random in range(100)
    ]
    assert verdicts.count("supported") <= 8  # 2.5 % expected on either side: P(more than 8 of 100) is below 0.2 %
    assert verdicts.count("contradicted") <= 8
