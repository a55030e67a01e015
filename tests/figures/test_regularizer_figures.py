"""B-Fig 10 and 11, from small files with known numbers to their tables and drawings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawings import check_drawing, note_of
from hypothesis import given
from hypothesis import strategies as st

from closerlook.figures import regularizer_curves, regularizer_frontier, rendering
from closerlook.spec import Member
from closerlook.tables import regularizer_curves as regularizer_curves_table
from closerlook.tables import regularizer_frontier as regularizer_frontier_table
from closerlook.tables import rows as tables

TARGETS = Path(__file__).parents[2] / "papers" / "B" / "targets"
FACTORS = ({}, {"dropout": 0.25}, {"dropout": 0.5}, {"dropout": 0.5, "lass": 0.25}, {"weight_decay": 0.5})
MEMORIZED = (1.0, 0.9, 0.7, 0.4, 0.2)
VALIDATION = (0.9, 0.91, 0.895, 0.905, 0.7)


@pytest.fixture
def files(train: Callable[..., Path]) -> list[Path]:
    """Three seeds; curves rise linearly, evaluated at epochs 2 and 4; weight decay harms."""
    stack = tuple(
        Member(seed=seed, noise=noise, level=float(noise == "randY"), regularizers=factor)
        for noise in ("none", "randY")
        for factor in FACTORS
        for seed in range(3)
    )
    final = np.repeat([1.0] * len(FACTORS) + [*MEMORIZED], 3) - 0.01 * np.tile(range(3), 2 * len(FACTORS))
    curves = np.stack([np.full(len(stack), np.nan), final / 2, np.full(len(stack), np.nan), final], axis=1)
    validation = np.repeat([*VALIDATION, *[0.1] * len(FACTORS)], 3)
    return [
        train(stack, dataset=name, train_accuracy=curves, validation_accuracy=validation)
        for name in ("mnist", "cifar10")
    ]


def test_the_frontier_names_two_regularizers_as_one(files: list[Path]) -> None:
    table = regularizer_frontier_table.tabulate(files)
    assert list(table.columns) == [*regularizer_frontier_table.COLUMNS, "source"]
    assert len(table) == 2 * 2 * 3 * len(FACTORS)
    pair = table.query("regularizer == 'LASS + dropout' and dataset == 'mnist' and noise == 'randY' and seed == 1")
    assert pair["strength"].tolist() == ["0.25 + 0.5"]
    assert pair["final_train_accuracy"].tolist() == pytest.approx([0.39])


values = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6)


@given(points=values)
def test_the_running_best_agrees_with_a_plain_loop(points: list[tuple[float, float]]) -> None:
    found = regularizer_frontier.running_best(pd.DataFrame(points, columns=["memorized", "validation"]))
    for row in found.itertuples():
        assert row.best == max(
            y for x, y in points if x < row.memorized or (x == row.memorized and y >= row.validation)
        )
        better = any(y >= row.validation for x, y in points if x < row.memorized)
        assert not (row.on_frontier and better)
    raised = found.loc[found["on_frontier"], "validation"]
    assert raised.max() == max(y for _, y in points)
    assert raised.is_monotonic_increasing


def test_the_frontier_has_a_panel_per_data_set(files: list[Path]) -> None:
    drawing = regularizer_frontier.draw(regularizer_frontier_table.tabulate(files))
    check_drawing(drawing)
    assert [axes.get_title() for axes in drawing.axes] == [
        "MNIST 14×14, 1,000 training examples", "CIFAR-10 14×14, 1,000 training examples",
    ]  # fmt: skip
    words = {text.get_text() for text in drawing.axes[0].texts}
    assert words == {"0.25", "0.5", "0.25 + 0.5"}
    marks = [line for line in drawing.axes[0].lines if line.get_marker() == "v" and len(line.get_xdata())]
    np.testing.assert_allclose([line.get_xdata() for line in marks], [[0.19]])  # weight decay lies below the panel
    dropout = next(line for line in drawing.axes[0].lines if len(line.get_xdata()) == 4)
    np.testing.assert_allclose(dropout.get_xdata(), [0.69, 0.89, 0.89, 1], rtol=1e-6)
    np.testing.assert_allclose(dropout.get_ydata(), [0.895, 0.895, 0.91, 0.91], rtol=1e-6)
    assert "At the lower edge: further down." in note_of(drawing)


def test_points_that_memorize_more_for_nothing_are_faint(files: list[Path]) -> None:
    table = regularizer_frontier_table.tabulate(files[:1])
    worse = (table["strength"] == "0.25") & (table["noise"] == "none")
    table.loc[worse, "best_validation_accuracy"] = 0.89
    axes = regularizer_frontier.draw(table).axes[0]
    faint = [line.get_xdata().tolist() for line in axes.lines if line.get_alpha() == 0.35]
    np.testing.assert_allclose(faint, [[0.89]])


def test_the_originals_points_stand_beside_cifar_10_alone(files: list[Path]) -> None:
    table = regularizer_frontier_table.tabulate(files, {}, TARGETS / "regularizer_frontier.csv")
    drawing = regularizer_frontier.draw(table)
    check_drawing(drawing)
    dashed = [[line for line in axes.lines if line.get_linestyle() == "--"] for axes in drawing.axes]
    assert [len(lines) for lines in dashed] == [0, 6]
    ends = {tuple(line.get_ydata()[[0, -1]]) for line in dashed[1]}
    assert (0.717, 0.74) in ends  # weight decay: its lowest point, and its value at the end
    assert (dashed[1][1].get_xdata()[0], dashed[1][0].get_xdata()[0]) == (0.16, 0.105)
    assert "Dashed, open" in note_of(drawing)


def test_the_curves_are_of_one_strength_each_chosen_on_the_even_seeds(files: list[Path]) -> None:
    table = regularizer_curves_table.tabulate(files)
    chosen = table.groupby("regularizer")["strength"].unique().map(list).to_dict()
    assert chosen == {"none": ["0"], "dropout": ["0.5"], "LASS + dropout": ["0.25 + 0.5"], "weight decay": ["0.5"]}
    assert len(table) == 2 * 2 * 3 * 4 * 2  # data sets, kinds, seeds, regularizers, evaluated epochs
    one = table.query("dataset == 'mnist' and noise == 'randY' and regularizer == 'dropout' and seed == 2")
    assert one[["epoch", "train_accuracy"]].values.tolist() == [[2, pytest.approx(0.34)], [4, pytest.approx(0.68)]]


def test_a_strength_that_costs_too_much_is_not_chosen(files: list[Path], train: Callable[..., Path]) -> None:
    stack = tuple(
        Member(noise=noise, level=float(noise == "randY"), regularizers={"dropout": dropout})
        for noise in ("none", "randY")
        for dropout in (0.0, 0.3, 0.6)
    )
    path = train(stack, train_accuracy=[1, 1, 1, 1, 0.8, 0.2], validation_accuracy=[0.9, 0.895, 0.88, 0.1, 0.1, 0.1])
    table = regularizer_curves_table.tabulate([path])
    assert set(table.loc[table["regularizer"] == "dropout", "strength"]) == {"0.3"}


def test_the_curves_are_drawn_on_random_labels_and_on_real_data(files: list[Path]) -> None:
    drawing = regularizer_curves.draw(regularizer_curves_table.tabulate(files))
    check_drawing(drawing)
    assert [axes.get_title() for axes in drawing.axes] == ["Random labels", "Real data"] * 2
    plain, dropout = drawing.axes[0].lines[:2]
    np.testing.assert_allclose(plain.get_ydata(), [0.495, 0.99], rtol=1e-6)
    np.testing.assert_allclose(dropout.get_ydata(), [0.345, 0.69], rtol=1e-6)
    assert "chosen on the even seeds" in note_of(drawing)


def test_the_originals_final_values_are_open_markers_beside_cifar_10(files: list[Path]) -> None:
    table = regularizer_curves_table.tabulate(files, {}, TARGETS / "regularizer_curves.csv")
    drawing = regularizer_curves.draw(table)
    check_drawing(drawing)
    hollow = [
        sum(len(line.get_xdata()) for line in axes.lines if line.get_markerfacecolor() == "white")
        for axes in drawing.axes
    ]
    assert hollow == [0, 0, 8, 7]
    assert "Open: read off the original figure." in note_of(drawing)


@pytest.mark.parametrize("name", ["regularizer_frontier", "regularizer_curves"])
class TestBoth:
    def test_is_drawn_from_the_table_as_published(self, name: str, files: list[Path], tmp_path: Path) -> None:
        module, drawn = rendering.figure_modules(name)
        assert module.MEASURES == ()
        table = module.tabulate(files[:1])
        tables.write_table(table, tmp_path / "table.csv")
        again = tables.read_table(tmp_path / "table.csv")
        pd.testing.assert_frame_equal(again, table, check_dtype=False)
        check_drawing(drawn.draw(again))

    def test_says_how_many_diverged(self, name: str, files: list[Path]) -> None:
        module, drawn = rendering.figure_modules(name)
        table = module.tabulate(files[:1])
        assert "diverged" not in note_of(drawn.draw(table))
        gone = (table["regularizer"] == "dropout") & (table["seed"] == 0) & (table["strength"] == "0.5")
        drawing = drawn.draw(table.assign(diverged=gone))
        assert "2 diverged members left out." in note_of(drawing)
        check_drawing(drawing)

    def test_draws_a_lone_network_and_one_that_diverged(self, name: str, train: Callable[..., Path]) -> None:
        module, drawn = rendering.figure_modules(name)
        stack = (Member(), Member(noise="randY", level=1.0))
        check_drawing(drawn.draw(module.tabulate([train(stack)])))
        assert "2 diverged members left out." in note_of(drawn.draw(module.tabulate([train(stack, diverged=True)])))

    def test_refuses_networks_that_trained_for_different_times(
        self, name: str, train: Callable[..., Path], tmp_path: Path
    ) -> None:
        module, _ = rendering.figure_modules(name)
        paths = [train((Member(),), epochs=epochs, folder=tmp_path / str(epochs)) for epochs in (4, 8)]
        with pytest.raises(ValueError, match="cannot be compared: some networks train 4 and 8 epochs"):
            module.tabulate(paths)
