from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from closerlook.figures import sweeps

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
