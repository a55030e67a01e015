from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from closerlook.tables import sweeps

CELLS = pd.DataFrame(
    [(1000, 32), (1000, 64), (1000, 128), (250, 128), (4000, 128)], columns=["examples", "width"]
)  # fmt: skip


def test_each_sweep_is_found_in_the_rows_of_both() -> None:
    assert sweeps.width_sweep(CELLS)["width"].tolist() == [32, 64, 128]
    assert sweeps.examples_sweep(CELLS)["examples"].tolist() == [1000, 250, 4000]


def test_a_lone_cell_is_both_sweeps() -> None:
    lone = CELLS.iloc[:1]
    assert sweeps.width_sweep(lone).equals(lone)
    assert sweeps.examples_sweep(lone).equals(lone)


def test_the_needed_width_is_the_first_that_reaches() -> None:
    table = pd.DataFrame({"seed": 0, "level": [0.0] * 3 + [1.0] * 3, "width": [8, 16, 32] * 2})
    table["accuracy"] = [0.5, 0.99, 1.0, 0.2, 0.3, 0.9]
    needed = sweeps.needed_widths(table, "accuracy", reach=0.99)
    assert needed[["level", "width", "reached"]].values.tolist() == [[0.0, 16.0, True], [1.0, 64.0, False]]


@given(accuracy=st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_within_a_margin_of_the_best_some_width_always_suffices(accuracy: list[float]) -> None:
    table = pd.DataFrame({"seed": 0, "level": 0.0, "width": [8, 16, 32, 64], "accuracy": accuracy})
    needed = sweeps.needed_widths(table, "accuracy", within=0.01).iloc[0]
    chosen = table.loc[table["width"] == needed["width"], "accuracy"].item()
    assert needed["reached"]
    assert chosen >= max(accuracy) - 0.0101
    assert (table.loc[table["width"] < needed["width"], "accuracy"] < max(accuracy) - 0.01).all()


def test_the_resolution_of_a_sweep_is_its_coarsest_step() -> None:
    assert sweeps.octave(pd.Series([8, 16, 64, 64])) == 2
    assert sweeps.octave(pd.Series([8])) == 1


def test_epochs_are_relative_to_the_same_seed() -> None:
    rows = pd.DataFrame({"noise": "none", "level": 0.0, "seed": [0, 1, 0, 1, 2], "width": [8, 8, 64, 64, 64]})
    rows = rows.assign(reached=[10.0, 20, 5, 5, 7], fitted=[True, False, True, True, True])
    found = sweeps.relative_epochs(rows, "width").query("width == 64")
    assert found[["seed", "relative", "fitted"]].values.tolist() == [[0, 0.5, True], [1, 0.25, False]]


def test_a_network_that_had_not_fitted_counts_as_its_last_epoch() -> None:
    found = sweeps.reached(pd.DataFrame({"epochs_to_fit": [7.0, np.nan], "epochs": [50, 60]}))
    assert found[["fitted", "reached"]].values.tolist() == [[True, 7.0], [False, 60.0]]


@given(times=st.lists(st.floats(1, 1000), min_size=6, max_size=6))
def test_exponents_are_scipys_regressions_seed_by_seed(times: list[float]) -> None:
    rows = pd.DataFrame({"seed": [0] * 3 + [1] * 3, "noise": "randX", "level": 0.4, "width": [64, 128, 512] * 2})
    found = sweeps.exponents(rows.assign(reached=times, fitted=[True] * 5 + [False]), "width")
    logs = np.log(np.array(times).reshape(2, 3))
    oracle = [stats.linregress(np.log([64, 128, 512]), row).slope for row in logs]
    np.testing.assert_allclose(found["exponent"], oracle, atol=1e-9)
    assert found["fitted"].tolist() == [True, False]


def test_a_cell_of_one_size_has_no_exponent() -> None:
    rows = pd.DataFrame({"seed": [0, 1, 1], "noise": "none", "level": 0.0, "width": [8, 8, 16], "reached": 2.0})
    assert sweeps.exponents(rows.assign(fitted=True), "width")["seed"].tolist() == [1]
