from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closerlook import things
from closerlook.spec import Member
from closerlook.tables import regularized
from closerlook.tables import rows as tables


def test_members_are_named_by_what_regularizes_them(train: Callable[..., Path]) -> None:
    stack = (
        Member(), Member(regularizers={"dropout": 0.25}), Member(regularizers={"dropout": 0.25, "lass": 0.5}),
        Member(regularizers={"weight_decay": 0.01, "input_noise": 10.0}),
    )  # fmt: skip
    found = regularized.named(tables.runs([train(stack)]))
    assert found[["regularizer", "strength"]].values.tolist() == [
        ["none", "0"], ["dropout", "0.25"], ["LASS + dropout", "0.5 + 0.25"],
        ["weight decay + input noise", "0.01 + 10"],
    ]  # fmt: skip


def test_a_reader_sees_none_first_and_pairs_last() -> None:
    names = ["LASS + dropout", "weight decay", "dropout", "none", "LASS", "dropout"]
    assert regularized.order(names) == ["none", "LASS", "dropout", "weight decay", "LASS + dropout"]


def cells(values: dict[tuple[str, str], tuple[float, float]], seeds: int = 2) -> pd.DataFrame:
    """(regularizer, strength) -> training accuracy on random labels, validation accuracy on real data."""
    rows = [
        (seed, noise, float(noise == "randY"), name, strength, train, real)
        for seed, noise in itertools.product(range(seeds), ("none", "randY"))
        for (name, strength), (train, real) in values.items()
    ]
    columns = ["seed", "noise", "level", "regularizer", "strength", "final_train_accuracy", "best_validation_accuracy"]
    return pd.DataFrame(rows, columns=columns)


def test_the_trade_off_averages_over_seeds_and_runs_from_weak_to_strong() -> None:
    table = cells({("dropout", "10"): (0.7, 0.8), ("dropout", "5"): (0.8, 0.9), ("LASS + dropout", "5 + 10"): (1, 1)})
    table.loc[(table["seed"] == 1) & (table["noise"] == "randY"), "final_train_accuracy"] += 0.1
    points = regularized.trade_off(table)
    assert points["strength"].tolist() == ["5 + 10", "5", "10"]
    assert points["memorized"].tolist() == pytest.approx([1.05, 0.85, 0.75])
    assert points["memorized_high"].iloc[1] == pytest.approx(0.85 + 12.7062047 * 0.05)
    assert points["validation_low"].iloc[1] == pytest.approx(0.9)


def test_only_the_noisiest_random_labels_count_as_random() -> None:
    table = cells({("none", "0"): (1.0, 0.9)})
    partial = table[table["noise"] == "randY"].assign(level=0.5, final_train_accuracy=0.0)
    points = regularized.trade_off(pd.concat([partial, table]))
    assert points["memorized"].tolist() == [1.0]


def test_points_are_paired_with_no_regularizer_seed_by_seed() -> None:
    table = cells({("none", "0"): (1.0, 0.9), ("dropout", "0.5"): (0.6, 0.91)})
    table.loc[(table["seed"] == 1) & (table["regularizer"] == "none"), "final_train_accuracy"] = 0.8
    table.loc[(table["seed"] == 1) & (table["regularizer"] == "none"), "best_validation_accuracy"] = 0.95
    found = regularized.against_none(table).set_index(["seed", "regularizer"])
    assert found.loc[(0, "dropout"), ["drop", "change"]].tolist() == pytest.approx([40, 1])
    assert found.loc[(1, "dropout"), ["drop", "change"]].tolist() == pytest.approx([20, -4])
    assert (found.xs("none", level="regularizer")[["drop", "change"]] == 0).all(axis=None)


def test_a_seed_without_its_reference_is_left_out() -> None:
    table = cells({("none", "0"): (1.0, 0.9), ("dropout", "0.5"): (0.6, 0.91)})
    gone = (table["seed"] == 1) & (table["regularizer"] == "none") & (table["noise"] == "none")
    assert set(regularized.against_none(table[~gone])["seed"]) == {0}


shares = st.lists(st.tuples(st.floats(0, 100), st.floats(-10, 10)), min_size=1, max_size=5)


@given(values=shares)
def test_the_choice_agrees_with_a_plain_loop(values: list[tuple[float, float]]) -> None:
    rows = [("dropout", str(place), *pair) for place, pair in enumerate(values)]
    points = pd.DataFrame(rows, columns=["regularizer", "strength", "drop", "change"])
    harmless = [pair for pair in values if pair[1] >= -1]
    best = max(harmless) if harmless else max(values, key=lambda pair: pair[1])
    chosen = values[int(regularized.choose(points, "dropout", 1.0))]
    assert chosen[0 if harmless else 1] == best[0 if harmless else 1]
    assert not harmless or chosen[1] >= -1


def test_what_was_not_run_has_no_strength() -> None:
    points = pd.DataFrame({"regularizer": ["none"], "strength": ["0"], "drop": [0.0], "change": [0.0]})
    assert regularized.choose(points, "dropout") is None


def test_networks_trained_for_different_times_are_not_compared(train: Callable[..., Path], tmp_path: Path) -> None:
    paths = [train((Member(),), epochs=epochs, folder=tmp_path / str(epochs)) for epochs in (4, 8)]
    with pytest.raises(
        ValueError, match="regularizers on mnist cannot be compared: some networks train 4 and 8 epochs"
    ):
        regularized.require_equal_epochs(tables.runs(paths))
    other = train((Member(),), epochs=8, dataset="fashion")
    regularized.require_equal_epochs(tables.runs([paths[0], other]))


def test_a_network_of_two_experiments_is_one_observation(train: Callable[..., Path], tmp_path: Path) -> None:
    stack = (Member(), Member(regularizers={"dropout": 0.5}))
    paths = [
        train(stack[:count], train_accuracy=accuracy, folder=tmp_path / str(count))
        for count, accuracy in ((2, 0.9), (1, 0.8))
    ]
    found = regularized.one_each(regularized.named(tables.runs(paths)))
    assert found[["strength", "final_train_accuracy"]].values.tolist() == [["0", 0.9], ["0.5", 0.9]]
    curves = regularized.one_each(regularized.named(tables.histories(paths, "train_accuracy")))
    assert len(curves) == 2 * 4


def test_no_random_labels_is_no_error() -> None:
    table = cells({("none", "0"): (1.0, 0.9)}).query("noise == 'none'")
    assert len(regularized.real_and_random(table)) == 2
    assert regularized.trade_off(table).empty
    assert np.isnan(table.loc[table["noise"] == "randY", "level"].max())


def test_a_regularizer_of_ones_own_stands_after_ours(train: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "regularizers").mkdir()
    (tmp_path / "regularizers/multiplied.py").write_text(
        "from closerlook.regularizers import Regularizer\nfrom closerlook.things import Look\n"
        "regularizer = Regularizer(words='own noise', strength=float, meaning='', look=Look('#888833', 'p'))\n"
    )
    things.use([tmp_path])
    strengths = ({"multiplied": 0.5}, {"adversarial": 0.1, "multiplied": 0.25}, {})
    stack = tuple(Member(regularizers=one) for one in strengths)
    found = regularized.named(tables.runs([train(stack)]))
    assert found["regularizer"].tolist() == ["own noise", "adversarial + own noise", "none"]
    assert found["strength"].tolist() == ["0.5", "0.1 + 0.25", "0"]
    assert regularized.order(["own noise", "adversarial", "none"]) == ["none", "adversarial", "own noise"]
