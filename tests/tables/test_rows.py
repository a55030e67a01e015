from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closerlook.store import StoreError
from closerlook.tables import rows as tables

values = st.floats(0, 1, width=32) | st.just(np.nan)


@given(history=st.lists(st.lists(values, min_size=5, max_size=5), min_size=1, max_size=4))
def test_best_and_final_agree_with_a_plain_loop(history: list[list[float]]) -> None:
    best, final = tables.best_and_final(np.array(history))
    for row, found_best, found_final in zip(np.round(history, 7), best, final, strict=True):
        evaluated = [value for value in row if not np.isnan(value)]
        np.testing.assert_equal(
            (found_best, found_final), (max(evaluated), evaluated[-1]) if evaluated else (np.nan,) * 2
        )


def test_float32_accuracies_come_back_as_fractions(train: Callable[..., Path], members: Callable) -> None:
    path = train(members(1, {"none": (0.0,)}), train_accuracy=0.99, validation_accuracy=[[0.1, 0.7, 0.6, np.nan]])
    row = tables.runs([path]).iloc[0]
    assert (row["best_train_accuracy"], row["best_validation_accuracy"], row["final_validation_accuracy"]) == (
        0.99,
        0.7,
        0.6,
    )


def test_a_run_carries_its_settings_and_factors(train: Callable[..., Path], members: Callable) -> None:
    stack = members(2, {"randY": (0.5,)}, regularizers={"dropout": 0.25})
    path = train(stack, dataset="fashion", examples=500, width=64, epochs=7,
                 fit_epoch=[np.nan, 6], diverged=[True, False])  # fmt: skip
    table = tables.runs([path])
    expected = {"dataset": "fashion", "image_size": 14, "examples": 500, "width": 64, "epochs": 7, "noise": "randY",
                "level": 0.5, "dropout": 0.25}  # fmt: skip
    assert {name: table[name].unique().tolist() for name in expected} == {
        key: [value] for key, value in expected.items()
    }
    assert table["seed"].tolist() == [0, 1]
    assert table["diverged"].tolist() == [True, False]
    np.testing.assert_equal(table["fit_epoch"].to_numpy(), [np.nan, 6])


def test_no_ensemble_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no trained\.h5 given"):
        tables.runs([])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such file"):
        tables.runs([tmp_path / "trained.h5"])


def test_the_noise_kind_none_survives_the_csv(tmp_path: Path) -> None:
    table = pd.DataFrame({"noise": ["none", "randX"], "value": [1 / 3, np.nan], "diverged": [False, True]})
    tables.write_table(table, tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == "noise,value,diverged\nnone,0.333333333,False\nrandX,,True\n"
    again = tables.read_table(tmp_path / "table.csv")
    assert again["noise"].tolist() == ["none", "randX"]
    assert again["diverged"].dtype == bool


def test_a_cell_that_two_experiments_share_is_one_observation(
    train: Callable[..., Path], members: Callable, tmp_path: Path
) -> None:
    stack = members(2, {"none": (0.0,)})
    paths = [train(stack, folder=tmp_path / name) for name in ("widths", "examples")]
    assert len(tables.tidy(tables.runs(paths), ("dataset", "width", "seed"))) == 2


def test_rows_do_not_depend_on_the_order_of_the_files(train: Callable[..., Path], members: Callable) -> None:
    paths = [train(members(2, {"none": (0.0,), "randX": (0.5, 1.0)}), width=width) for width in (64, 8)]
    columns = ("width", "noise", "level", "seed")
    one, two = (tables.tidy(tables.runs(order), columns) for order in (paths, paths[::-1]))
    pd.testing.assert_frame_equal(one, two)


def test_checkpoints_are_ordered_as_a_reader_expects() -> None:
    names = ["loss-0.01", "fit", "epoch-100", "loss-0.1", "epoch-20", "fit"]
    assert tables.checkpoint_order(names) == ["epoch-20", "epoch-100", "fit", "loss-0.1", "loss-0.01"]


def test_the_originals_values_stand_below_ours(tmp_path: Path) -> None:
    (tmp_path / "targets.csv").write_text("noise,level,width,accuracy\nnone,0.0,256,0.98\n")
    ours = pd.DataFrame({"noise": ["randX"], "level": [0.5], "width": [8], "accuracy": [0.7], "diverged": [False]})
    table = tables.with_targets(ours, tmp_path / "targets.csv")
    assert table["source"].tolist() == ["run", "paper"]
    assert table["accuracy"].tolist() == [0.7, 0.98]
    assert table["diverged"].dtype == bool


def test_networks_that_differ_in_a_factor_without_a_column_do_not_pass_for_seeds(
    train: Callable, members: Callable
) -> None:
    pair = (*members(2, {"none": (0.0,)}, learning_rate=0.1), *members(2, {"none": (0.0,)}, learning_rate=0.01))
    with pytest.raises(ValueError, match="differ in learning_rate would pass for seeds of one cell"):
        tables.tidy(tables.runs([train(pair)]), ["dataset", "noise", "level", "seed"])


def test_histories_are_the_evaluated_epochs_of_each_member(train: Callable[..., Path], members: Callable) -> None:
    curves = [[np.nan, 0.2, np.nan, 0.99], [0.1, 0.3, np.nan, np.nan], [np.nan] * 4]
    path = train(members(3, {"none": (0.0,)}), train_accuracy=curves, diverged=[False, False, True])
    found = tables.histories([path], "train_accuracy")
    assert found[["seed", "epoch", "train_accuracy"]].fillna(-1).values.tolist() == [
        [0, 2, 0.2], [0, 4, 0.99], [1, 1, 0.1], [1, 2, 0.3], [2, 4, -1],
    ]  # fmt: skip
    assert found["diverged"].tolist() == [False] * 4 + [True]


def test_histories_keep_the_members_of_several_files_apart(train: Callable[..., Path], members: Callable) -> None:
    stack = members(1, {"none": (0.0,)})
    paths = [train(stack, width=width, epochs=2, train_accuracy=width / 100) for width in (64, 8)]
    found = tables.histories(paths, "train_accuracy")
    assert found[["width", "epoch", "train_accuracy"]].values.tolist() == [
        [64, 1, 0.64], [64, 2, 0.64], [8, 1, 0.08], [8, 2, 0.08],
    ]  # fmt: skip


def test_a_strength_stays_text(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("strength,value\n0.25,1\n0,2\n")
    assert tables.read_table(tmp_path / "table.csv")["strength"].tolist() == ["0.25", "0"]
