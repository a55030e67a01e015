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
from closerlook.tables.rows import read_table, runs, tidy, write_table

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


COLUMN = {
    "network": "alexnet_small", "network_options": '{"activation": "tanh"}', "objective": "mse", "optimizer": "adam",
    "widths": "128x64", "after_fit": 1, "batch_size_schedule": '{"stages": {"2": 2.0}}', "own_class": True,
    "learning_rate_schedule": '{"stages": {"2": 0.1}}', "regularizer_options": '{"lass": {"iterations": 2}}',
}  # fmt: skip
"""What a column has of `OTHER`, where its name may not be that of a value as it is."""


@pytest.mark.parametrize("field", OTHER)
def test_whatever_field_may_be_named_is_a_column_to_ask_for(field: str, pair: Callable, tmp_path: Path) -> None:
    table = tidy(runs(pair(USED, replace(USED, seed=1), **{field: OTHER[field]})), [*dict.fromkeys((*COLUMNS, field))])
    write_table(table, tmp_path / "table.csv")
    again = read_table(tmp_path / "table.csv").set_index("seed")[field]
    assert again[1] == COLUMN.get(field, OTHER[field])
    assert again[0] != again[1]


@pytest.mark.parametrize("factor", ["dropout", "regularizers"])
def test_a_regularizer_is_a_column_to_ask_for(factor: str, pair: Callable) -> None:
    paths = pair(Member(), Member(seed=1, regularizers={"dropout": 0.5}))
    columns = {"dropout": [0.0, 0.5], "regularizers": ["{}", '{"dropout": 0.5}']}
    together, apart = runs(paths), pd.concat([runs([path]) for path in paths])
    for rows in (together, apart):
        assert tidy(rows, [*COLUMNS, factor]).sort_values("seed")[factor].tolist() == columns[factor]


def test_a_regularizer_that_nobody_uses_has_strength_0(pair: Callable) -> None:
    assert tidy(runs(pair(Member(), Member(seed=1))), [*COLUMNS, "dropout"])["dropout"].tolist() == [0, 0]


def test_the_fewest_columns_are_named_that_tell_networks_apart(pair: Callable) -> None:
    change = {name: OTHER[name] for name in ("network", "network_options", "widths", "objective")}
    rows = runs(pair(Member(), Member(seed=1), **change))
    with pytest.raises(ValueError, match=r"^networks that differ in network would pass"):
        tidy(rows, COLUMNS)
    assert len(tidy(rows, [*COLUMNS, "network"])) == 2


def test_two_factors_are_named_where_one_is_not_enough() -> None:
    table = pd.DataFrame(
        {"network": ["a", "a", "b"], "width": [1, 2, 1], "noise": "none", "objective": ["c", "c", "d"]}
    )
    with pytest.raises(ValueError, match="differ in network and width would pass"):
        cells.require_one(table, ["noise"])
    with pytest.raises(ValueError, match="differ in width would pass"):
        cells.require_one(table, ["objective"])


def test_an_unknown_column_is_answered_in_a_line_with_those_that_there_are(pair: Callable) -> None:
    with pytest.raises(ValueError, match=r"^no column netwrok; there are: .*\bnetwork\b.*\bdiverged\b[^\n]*$"):
        tidy(runs(pair(Member(), Member(seed=1))), [*COLUMNS, "netwrok"])
