"""B-Figs 3 and 4, from small files with known numbers to their tables and drawings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import QuadMesh

from closerlook import store
from closerlook.figures import class_sensitivity, sensitivity
from closerlook.figures.rendering import figure_modules
from closerlook.spec import Ensemble
from closerlook.tables import class_sensitivity as class_sensitivity_table
from closerlook.tables import rows as tables
from closerlook.tables import sensitivity as sensitivity_table

STEPS = (50, 300)
TARGETS = Path(__file__).parents[2] / "papers" / "B" / "targets" / "sensitivity.csv"


@pytest.fixture
def measured(train: Callable[..., Path], members: Callable, tmp_path: Path) -> Callable[..., Path]:
    """Write a trained.h5 with a sensitivity.h5 beside it, and return the former."""

    def write(noises, seeds=3, own_class=False, gini=0.3, matrix=None, **options) -> Path:
        stack = members(seeds, noises, learning_rate=0.5, momentum=0.0)
        path = train(stack, width=32, folder=tmp_path / f"own-{own_class}", **options)
        with h5py.File(path, "r+") as file:  # the fixture knows no classes of their own
            spec = Ensemble.from_json(file.attrs["spec"])
            file.attrs["spec"] = Ensemble(**{**vars(spec), "own_class": own_class}).to_json()
        count, shape = len(stack), (len(stack), len(STEPS))
        with store.create(path.with_name("sensitivity.h5"), "sensitivity") as file:
            text = Ensemble(**{**vars(spec), "own_class": own_class}).to_json()
            store.write_attributes(file, spec=text, settings="{}", versions="{}", device="cpu")
            file["steps"] = np.array(STEPS)
            file["sensitivity"] = np.full((*shape, 1000), 0.25, np.float32)
            file["gini"] = np.broadcast_to(np.asarray(gini, float).reshape(-1, 1), shape)
            for name in ("train_loss", "train_accuracy"):
                file[name] = np.full(shape, 0.5, np.float32)
            if not own_class:
                usual = 1e-4 * (1 + 9 * np.eye(10))
                file["class_matrix"] = np.broadcast_to(usual if matrix is None else matrix, (count, 10, 10))
        return path

    return write


def beside(*trained: Path) -> dict[str, list[Path]]:
    return {"sensitivity": [path.with_name("sensitivity.h5") for path in trained]}


KINDS = {"none": (0.0,), "randX": (0.5, 1.0), "randXu": (1.0,)}


@pytest.fixture
def both(measured: Callable) -> list[Path]:
    return [
        measured(KINDS, gini=np.linspace(0.2, 0.6, 12)),
        measured(KINDS, own_class=True, gini=np.linspace(0, 1, 12), examples=200),  # fewer: as many outputs
    ]


def test_the_sensitivity_table_is_exact(measured: Callable) -> None:
    path = measured({"randX": (0.5,)}, seeds=2, gini=[0.4, np.nan], diverged=[False, True])
    expected = pd.DataFrame(
        [
            ("mnist", 14, 1000, 32, False, "randX", 0.5, seed, 0.5, steps, 10.0 * steps, gini, 0.25, 0.5, 0.5, lost,
             "run")
            for seed, gini, lost in ((0, 0.4, False), (1, np.nan, True))
            for steps in STEPS
        ],
        columns=[*sensitivity_table.COLUMNS, "source"],
    )  # fmt: skip
    pd.testing.assert_frame_equal(sensitivity_table.tabulate([path], beside(path)), expected, check_dtype=False)


def test_the_class_table_holds_the_matrix_the_right_way_round(measured: Callable) -> None:
    matrix = np.arange(100.0).reshape(10, 10)
    path = measured({"none": (0.0,)}, seeds=2, matrix=matrix)
    table = class_sensitivity_table.tabulate([path], beside(path))
    assert len(table) == 200
    cell = table.query("loss_class == 3 and example_class == 7 and seed == 1")
    assert cell["sensitivity"].tolist() == [37.0]
    np.testing.assert_array_equal(class_sensitivity.matrix_of(table), matrix)


def test_summaries_of_a_matrix_are_its_closed_forms() -> None:
    matrix = np.array([[8.0, 1, 3], [2, 8, 2], [3, 1, 8]])
    rows = [
        {**dict.fromkeys(class_sensitivity_table.MEMBER, 0), "loss_class": i, "example_class": j, "sensitivity": value}
        for (i, j), value in np.ndenumerate(matrix)
    ]
    (found,) = class_sensitivity.summarise(pd.DataFrame(rows)).to_dict("records")
    assert found["dominance"] == pytest.approx(8 / 2)
    assert found["share"] == pytest.approx(12 / 36)
    assert found["spread"] == pytest.approx((0.5 + 0 + 0.5) / 3)


def test_classes_of_their_own_have_no_matrix(both: list[Path]) -> None:
    table = class_sensitivity_table.tabulate(both, beside(*both))
    assert not table["own_class"].any()
    with pytest.raises(ValueError, match=r"no sensitivity\.h5 with a class_matrix"):
        class_sensitivity_table.tabulate(both[1:], beside(*both))


@pytest.mark.parametrize("module", [sensitivity_table, class_sensitivity_table])
def test_a_missing_measure_is_named(module: object, measured: Callable) -> None:
    path = measured({"none": (0.0,)})
    with pytest.raises(ValueError, match=r"trained\.h5: no sensitivity\.h5 of this folder"):
        module.tabulate([path], {"sensitivity": []})


def test_networks_that_the_table_cannot_tell_apart_are_refused(measured: Callable) -> None:
    path = measured({"none": (0.0,)})
    other = path.parents[1] / "elsewhere" / "trained.h5"
    other.parent.mkdir()
    for name in ("trained.h5", "sensitivity.h5"):
        other.with_name(name).write_bytes(path.with_name(name).read_bytes())
    with h5py.File(other.with_name("sensitivity.h5"), "r+") as file:
        file["gini"][:] = 0.9
    with pytest.raises(ValueError, match="would pass for one"):
        sensitivity_table.tabulate([path, other], beside(path, other))


def test_both_panels_hold_a_line_for_every_kind_of_data(both: list[Path], tmp_path: Path) -> None:
    tables.write_table(sensitivity_table.tabulate(both, beside(*both)), tmp_path / "table.csv")
    drawing = sensitivity.draw(tables.read_table(tmp_path / "table.csv"))
    drawing.canvas.draw()
    assert [axes.get_title() for axes in drawing.axes] == [
        "MNIST 14×14, 1,000 examples, the usual classes",
        "MNIST 14×14, 200 examples, a class for each",
    ]
    for axes in drawing.axes:
        assert len([line for line in axes.lines if len(line.get_xdata())]) == 4
        assert axes.get_xlabel() == "SGD steps × learning rate / 0.05"
        (bottom, top) = axes.get_ylim()
        for line in axes.lines:
            assert np.all((line.get_ydata() >= bottom) & (line.get_ydata() <= top))


def test_a_level_has_one_colour_in_both_panels_and_in_the_key(measured: Callable) -> None:
    paths = [measured({"randX": (0.5, 1.0)}), measured({"randX": (1.0,)}, own_class=True, examples=200)]
    drawing = sensitivity.draw(sensitivity_table.tabulate(paths, beside(*paths)))
    usual, own = ([line.get_color() for line in axes.lines if len(line.get_xdata())] for axes in drawing.axes)
    keys = [handle.get_color() for handle in drawing.legends[0].legend_handles]
    assert set(own) == {keys[1]}
    assert {keys[0], keys[1]} <= set(usual)


def test_the_originals_values_are_drawn_beside_ours(both: list[Path], tmp_path: Path) -> None:
    tables.write_table(sensitivity_table.tabulate(both, beside(*both), TARGETS), tmp_path / "table.csv")
    table = tables.read_table(tmp_path / "table.csv")
    assert table.query("source == 'paper' and noise == 'none' and not own_class")["gini"].max() == 0.638
    drawing = sensitivity.draw(table)
    stars = [[line for line in axes.lines if line.get_marker() == "*"] for axes in drawing.axes]
    assert [len(lines) for lines in stars] == [3, 2]
    assert "original figure" in [text.get_text() for text in drawing.legends[0].get_texts()]


def test_matrices_share_their_colours_and_show_every_class(both: list[Path]) -> None:
    drawing = class_sensitivity.draw(class_sensitivity_table.tabulate(both, beside(*both)))
    drawing.canvas.draw()
    meshes = [part for axes in drawing.axes for part in axes.collections if isinstance(part, QuadMesh)]
    matrices = [mesh for mesh in meshes if mesh.get_array().size == 100]
    assert len(matrices) == 4
    assert {(mesh.norm.vmin, mesh.norm.vmax) for mesh in matrices} == {(1e-4, 1e-3)}
    upright = [axes for axes in drawing.axes if any(part in axes.collections for part in matrices)]
    assert all(axes.get_ylim() == (9.5, -0.5) for axes in upright)
    labels = {axes.get_ylabel() for axes in drawing.axes}
    assert set(class_sensitivity.SUMMARIES.values()) <= labels


@pytest.mark.parametrize("name", ["sensitivity", "class_sensitivity"])
def test_diverged_networks_are_left_out_and_counted(name: str, measured: Callable) -> None:
    lost = np.array([False, False, True, False, False, False])
    matrix = np.broadcast_to(np.ones((10, 10)), (6, 10, 10)).copy()
    matrix[lost] = np.nan
    path = measured({"none": (0.0,), "randX": (1.0,)}, gini=np.where(lost, np.nan, 0.5), matrix=matrix, diverged=lost)
    module, drawn = figure_modules(name)
    drawing = drawn.draw(module.tabulate([path], beside(path)))
    assert "1 diverged member left out." in drawing._supxlabel.get_text().replace("\n", " ")


def test_targets_of_the_class_matrices_are_refused(both: list[Path]) -> None:
    with pytest.raises(ValueError, match="leave its targets out"):
        class_sensitivity_table.tabulate(both, beside(*both), TARGETS)
