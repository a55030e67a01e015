"""Every figure, from small files with known numbers to its table and its drawing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawings import check_drawing, note_of

from closerlook.figures import capacity, convergence, regularizers, rendering, sharpness
from closerlook.spec import Member
from closerlook.tables import capacity as capacity_table
from closerlook.tables import convergence as convergence_table
from closerlook.tables import regularizers as regularizers_table
from closerlook.tables import rows as tables
from closerlook.tables import sharpness as sharpness_table

CURVED = {"epoch-100": {}, "loss-0.1": {}, "loss-0.01": {}}


@pytest.fixture
def width_files(train: Callable[..., Path], members: Callable) -> list[Path]:
    stack = members(3, {"none": (0.0,), "randX": (0.5, 1.0), "randY": (0.5, 1.0)})
    return [
        train(
            stack, width=width, train_accuracy=0.6 + width / 100, validation_accuracy=[0.5 + i / 100 for i in range(15)]
        )
        for width in (8, 16, 32)
    ]


@pytest.fixture
def epoch_files(train: Callable[..., Path], members: Callable) -> list[Path]:
    stack = members(3, {"none": (0.0,), "randX": (1.0,), "randY": (1.0,)})
    fits = np.array([10, 11, 12, 4, 5, 6, 20, 21, np.nan])
    cells = [(1000, 32), (1000, 64), (1000, 128), (250, 128), (4000, 128)]
    return [
        train(stack, dataset=dataset, examples=examples, width=width, epochs=30, fit_epoch=fits)
        for dataset in ("mnist", "fashion")
        for examples, width in cells
    ]


@pytest.fixture
def curved_files(train: Callable[..., Path], curve: Callable[..., Path], members: Callable) -> tuple[list, list]:
    stack = members(3, {"none": (0.0,), "randX": (0.5, 1.0), "randY": (0.5, 1.0)})
    trained = [train(stack, dataset=dataset) for dataset in ("mnist", "fashion")]
    values = {name: {"largest_eigenvalue": np.arange(1.0, 16), "trace": np.arange(1.0, 16) * 9} for name in CURVED}
    values["loss-0.01"]["largest_eigenvalue"] = np.where(np.arange(15) == 4, np.nan, 2.0)
    return trained, [curve(path, values) for path in trained]


STRENGTHS = {"dropout": (0.25, 0.5), "input_dropout": (0.5,), "weight_decay": (0.01,)}


@pytest.fixture
def regularized_files(train: Callable[..., Path]) -> list[Path]:
    factors = [{}, *({name: strength} for name, strengths in STRENGTHS.items() for strength in strengths)]
    stack = tuple(
        Member(seed=seed, noise=noise, level=float(noise == "randY"), regularizers=factor)
        for noise in ("none", "randY")
        for factor in factors
        for seed in range(2)
    )
    random = [1.0, 1.0, 0.98, 1.0, 0.8, 0.9, 0.7, 0.6, 0.99, 0.97]
    real = [0.88, 0.9, 0.9, 0.9, 0.89, 0.9, 0.9, 0.91, 0.89, 0.88]
    return [train(stack, train_accuracy=[1.0] * 10 + random, validation_accuracy=real + [0.1] * 10)]


def test_the_capacity_table_is_exact(train: Callable[..., Path], members: Callable) -> None:
    path = train(members(1, {"none": (0.0,), "randY": (0.4,)}), width=16, fit_epoch=[2, np.nan], diverged=[False, True],
                 train_accuracy=[[0.5, 1.0, np.nan, np.nan], [0.1, np.nan, np.nan, np.nan]],
                 validation_accuracy=[[0.8, 0.75, np.nan, np.nan], [np.nan] * 4])  # fmt: skip
    expected = pd.DataFrame(
        [
            ("mnist", 14, 1000, 16, "none", 0.0, 0, 1.0, 0.8, 0.75, 2.0, False, "run"),
            ("mnist", 14, 1000, 16, "randY", 0.4, 0, 0.1, np.nan, np.nan, np.nan, True, "run"),
        ],
        columns=[*capacity_table.COLUMNS, "source"],
    )
    pd.testing.assert_frame_equal(capacity_table.tabulate([path]), expected, check_dtype=False)


def test_the_convergence_table_is_exact(train: Callable[..., Path], members: Callable) -> None:
    path = train(members(2, {"randX": (1.0,)}), examples=250, width=64, epochs=9, fit_epoch=[7, np.nan])
    expected = pd.DataFrame(
        [
            ("mnist", 14, 250, 64, "randX", 1.0, 0, 7.0, 9, True, False, "run"),
            ("mnist", 14, 250, 64, "randX", 1.0, 1, np.nan, 9, False, False, "run"),
        ],
        columns=[*convergence_table.COLUMNS, "source"],
    )
    pd.testing.assert_frame_equal(convergence_table.tabulate([path]), expected, check_dtype=False)


def test_the_sharpness_table_is_exact(
    train: Callable[..., Path], curve: Callable[..., Path], members: Callable
) -> None:
    path = train(members(1, {"none": (0.0,), "randY": (1.0,)}))
    measured = curve(path, {"epoch-100": {"trace": [3.0, 5.0], "converged": [True, False]}})
    rest = (0.5, 0.5, 0.5, 0.5)
    expected = pd.DataFrame(
        [
            (
                "mnist",
                14,
                1000,
                128,
                "none",
                0.0,
                0,
                "epoch-100",
                "after 100 epochs",
                0.5,
                0.5,
                True,
                3.0,
                *rest,
                False,
            ),
            (
                "mnist",
                14,
                1000,
                128,
                "randY",
                1.0,
                0,
                "epoch-100",
                "after 100 epochs",
                0.5,
                0.5,
                False,
                5.0,
                *rest,
                False,
            ),
        ],
        columns=list(sharpness_table.COLUMNS),
    )
    pd.testing.assert_frame_equal(
        sharpness_table.tabulate([path], {"curvature": [measured]}), expected, check_dtype=False
    )


def test_the_regularizers_table_is_exact(train: Callable[..., Path]) -> None:
    stack = (Member(seed=1), Member(seed=1, noise="randY", level=1.0, regularizers={"weight_decay": 0.01}))
    path = train(
        stack,
        train_accuracy=[[0.5, 1, 1, 1], [0.2, 0.6, 0.5, np.nan]],
        validation_accuracy=[[0.8, 0.9, 0.7, 0.6], [0.1] * 4],
    )
    expected = pd.DataFrame(
        [
            ("mnist", 14, 1000, "none", "0", "none", 0.0, 1, 1.0, 0.9, 0.6, False),
            ("mnist", 14, 1000, "weight decay", "0.01", "randY", 1.0, 1, 0.5, 0.1, 0.1, False),
        ],
        columns=list(regularizers_table.COLUMNS),
    )
    pd.testing.assert_frame_equal(regularizers_table.tabulate([path]), expected, check_dtype=False)


def test_curvature_of_another_folder_is_refused(curved_files: tuple[list, list]) -> None:
    trained, curved = curved_files
    with pytest.raises(ValueError, match=r"no curvature\.h5 of this folder"):
        sharpness_table.tabulate(trained, {"curvature": curved[:1]})


def test_curvature_of_other_members_is_refused(
    curved_files: tuple[list, list], train: Callable, members: Callable
) -> None:
    trained, curved = curved_files
    shorter = train(members(1, {"none": (0.0,)}))  # takes the place of the first trained.h5
    assert shorter == trained[0]
    with pytest.raises(ValueError, match=r"does not have the 1 members of trained\.h5"):
        sharpness_table.tabulate(trained[:1], {"curvature": curved[:1]})


@pytest.mark.parametrize("module", [sharpness_table, regularizers_table])
def test_targets_are_refused_where_the_original_has_none(module: object) -> None:
    with pytest.raises(ValueError, match="leave its targets out"):
        module.tabulate([], {}, Path("targets.csv"))


def test_capacity_draws_every_width_and_level(width_files: list[Path]) -> None:
    drawing = capacity.draw(capacity_table.tabulate(width_files))
    check_drawing(drawing)
    assert len(drawing.axes) == 5
    training = next(axes for axes in drawing.axes if axes.get_ylabel() == "Best training\naccuracy")
    assert [tick.get_text() for tick in training.get_xticklabels()] == ["8", "16", "32"]
    assert len(training.lines) == 3  # real data and two levels
    np.testing.assert_allclose(training.lines[0].get_ydata(), [0.68, 0.76, 0.92], rtol=1e-6)


def test_capacity_marks_what_never_fits(width_files: list[Path]) -> None:
    drawing = capacity.draw(capacity_table.tabulate(width_files))
    drawing.canvas.draw()
    needed = next(axes for axes in drawing.axes if "Smallest width" in axes.get_ylabel())
    assert [tick.get_text() for tick in needed.get_yticklabels()] == ["8", "16", "32", ">32"]


def test_convergence_draws_both_sweeps_of_both_data_sets(epoch_files: list[Path]) -> None:
    drawing = convergence.draw(convergence_table.tabulate(epoch_files))
    check_drawing(drawing)
    assert len(drawing.axes) == 8
    absolute = drawing.axes[1]
    np.testing.assert_allclose(absolute.lines[0].get_ydata(), [(10 * 11 * 12) ** (1 / 3)] * 3)
    assert drawing.axes[0].get_title() == "1,000 examples"
    assert drawing.axes[2].get_title() == "128 units per layer"


def test_convergence_counts_runs_at_the_cap(epoch_files: list[Path]) -> None:
    drawing = convergence.draw(convergence_table.tabulate(epoch_files))
    assert "Hollow: 10 of 90 runs had not fitted by the last epoch" in note_of(drawing)
    hollow = [line for line in drawing.axes[1].lines if line.get_markerfacecolor() == "white"]
    np.testing.assert_allclose(hollow[0].get_ydata(), [(20 * 21 * 30) ** (1 / 3)] * 3)


def test_sharpness_draws_a_block_per_data_set(curved_files: tuple[list, list]) -> None:
    drawing = sharpness.draw(sharpness_table.tabulate(curved_files[0], {"curvature": curved_files[1]}))
    check_drawing(drawing)
    assert len(drawing.axes) == 2 * 9
    assert [axes.get_title() for axes in drawing.axes[:3]] == [
        "after\n100 epochs",
        "training\nloss 0.1",
        "training\nloss 0.01",
    ]
    assert "2 checkpoints were not reached." in note_of(drawing)


def test_regularizers_draw_a_panel_each(regularized_files: list[Path]) -> None:
    drawing = regularizers.draw(regularizers_table.tabulate(regularized_files))
    check_drawing(drawing)
    assert [axes.get_title() for axes in drawing.axes] == ["Dropout", "Input dropout", "Weight decay"]
    assert [text.get_text() for text in drawing.axes[0].texts] == ["0.25", "0.5"]


def test_targets_are_drawn_dashed(width_files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "targets.csv").write_text(
        "dataset,noise,level,width,best_validation_accuracy\nmnist,randY,0.5,16,0.6\nmnist,randY,0.5,32,0.7\n"
    )
    drawing = capacity.draw(capacity_table.tabulate(width_files, None, tmp_path / "targets.csv"))
    dashed = [line for axes in drawing.axes for line in axes.lines if line.get_linestyle() == "--"]
    assert [line.get_ydata().tolist() for line in dashed] == [[0.6, 0.7]]
    assert "Dashed: read off the original figure." in note_of(drawing)


def test_relative_targets_are_drawn_in_their_sweep(epoch_files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "targets.csv").write_text(
        "dataset,sweep,noise,level,width,examples,relative_epochs\n"
        "mnist,width,randX,1.0,32,50000,1\nmnist,width,randX,1.0,128,50000,0.5\n"
    )
    drawing = convergence.draw(convergence_table.tabulate(epoch_files, None, tmp_path / "targets.csv"))
    dashed = {
        place: line for place, axes in enumerate(drawing.axes) for line in axes.lines if line.get_linestyle() == "--"
    }
    assert {place: line.get_ydata().tolist() for place, line in dashed.items()} == {0: [1.0, 0.5]}


def diverging(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(diverged=table.index == table.index[-1])


@pytest.mark.parametrize("name", ["capacity", "convergence", "sharpness", "regularizers"])
class TestEveryFigure:
    @pytest.fixture
    def files(self, name: str, request: pytest.FixtureRequest) -> tuple[list[Path], list[Path]]:
        """Return the trained.h5 and the curvature.h5 of a figure."""
        fixture = {"capacity": "width_files", "convergence": "epoch_files", "regularizers": "regularized_files"}
        if name == "sharpness":
            return request.getfixturevalue("curved_files")
        return request.getfixturevalue(fixture[name]), []

    def test_says_how_many_diverged(self, name: str, files: tuple[list, list]) -> None:
        module, drawn = rendering.figure_modules(name)
        table = module.tabulate(files[0], {"curvature": files[1]})
        assert "diverged" not in note_of(drawn.draw(table))
        assert "1 diverged member left out." in note_of(drawn.draw(diverging(table)))

    def test_is_rendered_the_same_twice(self, name: str, files: tuple[list, list], tmp_path: Path) -> None:
        contents = []
        for turn in ("one", "two"):
            paths = [tmp_path / turn / f"{name}.{form}" for form in ("csv", "json", "svg", "pdf")]
            rendering.render(name, *files, None, *paths)
            contents.append([path.read_bytes() for path in paths])
            assert sorted(path.name for path in (tmp_path / turn).iterdir()) == sorted(path.name for path in paths)
        assert contents[0] == contents[1]
        assert contents[0][3].startswith(b"%PDF")
        assert b"<svg" in contents[0][2]

    def test_is_drawn_from_the_table_as_published(self, name: str, files: tuple[list, list], tmp_path: Path) -> None:
        module, _ = rendering.figure_modules(name)
        table = module.tabulate(files[0], {"curvature": files[1]})
        tables.write_table(table, tmp_path / "table.csv")
        pd.testing.assert_frame_equal(tables.read_table(tmp_path / "table.csv"), table, check_dtype=False)


def test_an_unknown_figure_is_named() -> None:
    with pytest.raises(ValueError, match="no figure 'hairiness'; there are: capacity"):
        rendering.figure_modules("hairiness")
    with pytest.raises(ValueError, match="no figure 'style'"):
        rendering.figure_modules("style")


# ---- a smoke grid: one data set, one seed, few cells


@pytest.mark.parametrize("widths", [(8,), (8, 16)])
def test_smoke_grids_of_capacity_and_convergence_are_drawn(
    train: Callable[..., Path], members: Callable, widths: tuple[int, ...]
) -> None:
    stack = members(1, {"none": (0.0,), "randY": (1.0,)})
    files = [train(stack, width=width, fit_epoch=[2, np.nan]) for width in widths]
    check_drawing(capacity.draw(capacity_table.tabulate(files)))
    check_drawing(convergence.draw(convergence_table.tabulate(files)))


def test_real_data_alone_is_drawn(train: Callable[..., Path], curve: Callable, members: Callable) -> None:
    path = train(members(1, {"none": (0.0,)}))
    check_drawing(capacity.draw(capacity_table.tabulate([path])))
    check_drawing(convergence.draw(convergence_table.tabulate([path])))
    check_drawing(sharpness.draw(sharpness_table.tabulate([path], {"curvature": [curve(path, {"fit": {}})]})))


def test_a_smoke_grid_of_sharpness_is_drawn(
    train: Callable[..., Path], curve: Callable[..., Path], members: Callable
) -> None:
    path = train(members(1, {"none": (0.0,), "randY": (1.0,)}))
    nowhere = {"largest_eigenvalue": np.nan, "trace": np.nan, "frobenius": np.nan, "converged": False}
    drawing = sharpness.draw(
        sharpness_table.tabulate([path], {"curvature": [curve(path, {"epoch-3": {}, "loss-0.1": nowhere})]})
    )
    drawing.canvas.draw()
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in drawing.axes)
    assert "2 checkpoints were not reached." in note_of(drawing)


@pytest.mark.parametrize("factors", [{"dropout": 0.5}, {}])
def test_a_smoke_grid_of_regularizers_is_drawn(train: Callable[..., Path], factors: dict) -> None:
    noises = (("none", 0.0), ("randY", 1.0))
    stack = tuple(
        Member(noise=noise, level=level, regularizers=part) for noise, level in noises for part in ({}, factors)
    )
    check_drawing(regularizers.draw(regularizers_table.tabulate([train(stack)])))


def test_a_figure_whose_members_all_diverged_is_drawn(train: Callable[..., Path], members: Callable) -> None:
    path = train(members(1, {"none": (0.0,), "randY": (1.0,)}), diverged=True)
    for module, drawn in map(rendering.figure_modules, ("capacity", "convergence", "regularizers")):
        drawing = drawn.draw(module.tabulate([path]))
        drawing.canvas.draw()
        assert "2 diverged members left out." in note_of(drawing)


def test_pure_noise_leaves_the_validation_panels_only_where_it_says_so(
    width_files: list[Path], train: Callable[..., Path], members: Callable
) -> None:
    swept = capacity.draw(capacity_table.tabulate(width_files))
    assert len(swept.axes[0].lines) == 2  # real data and level 0.5
    assert "Pure noise validates at chance" in note_of(swept)
    ends = capacity.draw(capacity_table.tabulate([train(members(1, {"none": (0.0,), "randY": (1.0,)}))]))
    assert len(ends.axes[0].lines) == 2  # real data and level 1
    assert "Pure noise" not in note_of(ends)
