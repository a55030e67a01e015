"""Networks that differ in more than the seed are told apart by a table's columns, or refused: whatever the factor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import h5py
import pandas as pd
import pytest

from closerlook.spec import Checkpoints, Ensemble, Member, Schedule
from closerlook.tables import cells
from closerlook.tables.rows import runs, tidy

OTHER = {
    "image_size": 28, "validation_examples": 50, "same_examples": True, "own_class": True, "network": "alexnet_small",
    "network_options": {"activation": "tanh"}, "objective": "mse", "optimizer": "adam",
    "regularizer_options": {"lass": {"iterations": 2}}, "with_replacement": True,
    "batch_size_schedule": Schedule({2: 2.0}), "learning_rate_schedule": Schedule({2: 0.1}), "epochs": 9,
    "after_fit": 1, "evaluate_every": 2, "dataset": "fashion", "examples": 77, "widths": (128, 64), "batch_size": 16,
}  # fmt: skip
"""Another value of every field that networks share and may not differ in unseen."""

OTHERS = {"noise": "randX", "level": 0.5, "learning_rate": 0.3, "momentum": 0.1, "regularizers": {"dropout": 0.5}}
"""Another value of every factor of a network but its seed."""

COLUMNS = ("dataset", "noise", "level", "seed", "final_train_accuracy")
USED = Member(regularizers={"lass": 0.5})


@pytest.fixture
def pair(train: Callable[..., Path], tmp_path: Path) -> Callable[..., list[Path]]:
    """Write an ensemble of one network, and one of another seed that has the `change`s too."""

    def write(member: Member, other: Member, epochs: int = 4, **change: object) -> list[Path]:
        paths = [train((member,), folder=tmp_path / "a"), train((other,), epochs=epochs, folder=tmp_path / "b")]
        with h5py.File(paths[1], "r+") as file:
            spec = Ensemble.from_json(file.attrs["spec"])
            file.attrs["spec"] = replace(spec, **change).to_json()
        return paths

    return write


def test_every_field_is_tried() -> None:
    assert OTHER.keys() == {entry.name for entry in fields(Ensemble)} - set(cells.LOOKS)
    assert OTHERS.keys() == {entry.name for entry in fields(Member)} - {"seed"}


@pytest.mark.parametrize("field", OTHER)
def test_a_field_that_no_column_shows_is_named(field: str, pair: Callable) -> None:
    paths = pair(USED, replace(USED, seed=1), **{field: OTHER[field]})
    shown = [column for column in COLUMNS if column != field]
    with pytest.raises(ValueError, match=rf"networks that differ in {field} would pass for seeds of one cell"):
        tidy(runs(paths), shown)


@pytest.mark.parametrize("factor", OTHERS)
def test_a_factor_that_no_column_shows_is_named(factor: str, pair: Callable) -> None:
    paths = pair(Member(), Member(seed=1, **{factor: OTHERS[factor]}))
    name = "dropout" if factor == "regularizers" else factor
    with pytest.raises(ValueError, match=rf"networks that differ in {name}.* would pass for seeds of one cell"):
        tidy(runs(paths), [column for column in COLUMNS if column != factor])


@pytest.mark.parametrize("factor", ["dataset", "image_size", "examples", "batch_size", "epochs"])
def test_what_a_column_shows_is_two_cells(factor: str, pair: Callable) -> None:
    paths = pair(Member(), Member(seed=1), **{factor: OTHER[factor]})
    assert len(tidy(runs(paths), [*{*COLUMNS, factor}])) == 2


def test_seeds_and_looks_and_options_of_what_is_not_used_make_no_cell(pair: Callable) -> None:
    change = {"checkpoints": Checkpoints(fit=True), "regularizer_options": OTHER["regularizer_options"]}
    assert len(tidy(runs(pair(Member(), Member(seed=1), **change)), COLUMNS)) == 2


def test_a_table_without_hidden_columns_is_held_to_those_that_it_has() -> None:
    table = pd.DataFrame({"noise": ["none", "randX"], "seed": [0, 1], "level": [0.0, 0.0], "loss": [1.0, 2.0]})
    cells.require_one(table, ["noise"])
    with pytest.raises(ValueError, match="differ in noise would pass"):
        cells.require_one(table, ["level", "loss"])
