"""Critical samples in tables and drawings, from small files with known numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from closerlook import store
from closerlook.figures.rendering import figure_modules
from closerlook.spec import Member
from closerlook.tables import critical_curves as critical_curves_table
from closerlook.tables import critical_samples as critical_samples_table
from closerlook.tables import rows as tables
from closerlook.tables.criticality import COLUMNS, at_radius, in_pixels

TARGETS = Path(__file__).parent.parent.parent / "papers" / "B" / "targets"
RADII = (0.01, 0.02)


@pytest.fixture
def search() -> Callable[..., Path]:
    """Write a critical_samples.h5 beside a trained.h5: checkpoint -> (epoch, part -> shares)."""

    def write(trained: Path, checkpoints: dict[str, tuple[object, dict]], radii: tuple[float, ...] = RADII) -> Path:
        with store.read(trained, "trained") as file:
            count = len(file["members/seed"])
        path = trained.with_name("critical_samples.h5")
        with store.create(path, "critical_samples") as file:
            store.write_attributes(file, spec="{}", settings={}, versions={}, device="cpu")
            file["radius"] = np.array(radii)
            for checkpoint, (epoch, parts) in checkpoints.items():
                file[f"{checkpoint}/epoch"] = np.broadcast_to(np.asarray(epoch, np.float32), count)
                for part, shares in parts.items():
                    file[f"{checkpoint}/{part}"] = np.broadcast_to(np.asarray(shares, np.float32), (count, len(radii)))
        return path

    return write


def numbers(validation: object, random: object = 0.1, training: object | None = None) -> dict[str, object]:
    parts = {"validation/critical": validation, "validation/random": random}
    return parts if training is None else parts | {"training/critical": training}


def test_the_table_is_exact(train: Callable, search: Callable) -> None:
    stack = (Member(seed=1), Member(seed=1, noise="randY", level=0.4))
    path = train(stack, epochs=3, train_accuracy=[[0.5, np.nan, 0.9], [0.3, np.nan, 0.6]],
                 validation_accuracy=[[0.4, np.nan, 0.7], [0.2, np.nan, 0.5]])  # fmt: skip
    beside = search(
        path,
        {
            "epoch-0": (0.0, numbers([[0.5, 0.6], [0.55, 0.65]])),
            "epoch-3": (3.0, numbers([[0.1, 0.2], [0.3, 0.4]], [[0.0, 0.1], [0.1, 0.2]], [[0.0, 0.05], [0.6, 0.7]])),
        },
    )
    found = critical_samples_table.tabulate([path], {"critical_samples": [beside]})
    clean, noisy = (("mnist", 14, 1000, 128, *noise, 1) for noise in (("none", 0.0), ("randY", 0.4)))
    nan = np.nan
    expected = pd.DataFrame(
        [
            (*clean, 0.0, nan, nan, 0.01, 0.5, 0.1, nan, False, "run"),
            (*clean, 0.0, nan, nan, 0.02, 0.6, 0.1, nan, False, "run"),
            (*clean, 1.0, 0.5, 0.4, nan, nan, nan, nan, False, "run"),
            (*clean, 3.0, 0.9, 0.7, 0.01, 0.1, 0.0, 0.0, False, "run"),
            (*clean, 3.0, 0.9, 0.7, 0.02, 0.2, 0.1, 0.05, False, "run"),
            (*noisy, 0.0, nan, nan, 0.01, 0.55, 0.1, nan, False, "run"),
            (*noisy, 0.0, nan, nan, 0.02, 0.65, 0.1, nan, False, "run"),
            (*noisy, 1.0, 0.3, 0.2, nan, nan, nan, nan, False, "run"),
            (*noisy, 3.0, 0.6, 0.5, 0.01, 0.3, 0.1, 0.6, False, "run"),
            (*noisy, 3.0, 0.6, 0.5, 0.02, 0.4, 0.2, 0.7, False, "run"),
        ],
        columns=[*COLUMNS, "source"],
    )
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_the_curves_are_those_of_real_data_and_of_noise_alone(train: Callable, search: Callable) -> None:
    stack = tuple(Member(noise=noise, level=level) for noise, level in (("none", 0), ("randX", 0.5), ("randX", 1)))
    path = train(stack)
    beside = search(path, {"epoch-4": (4.0, numbers([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]))})
    found = critical_curves_table.tabulate([path], {"critical_samples": [beside]})
    assert [*zip(found["level"], found["validation_critical"], strict=True)] == [
        (0.0, 0.1), (0.0, 0.2), (1.0, 0.5), (1.0, 0.6),
    ]  # fmt: skip
    assert set(found["epoch"]) == {4.0}  # epochs with accuracies alone are not in it


def test_a_checkpoint_never_reached_has_no_row_and_a_diverged_member_keeps_one(
    train: Callable, search: Callable
) -> None:
    path = train((Member(), Member(seed=1)), train_accuracy=[[0.5] * 4, [np.nan] * 4],
                 validation_accuracy=[[0.5] * 4, [np.nan] * 4], diverged=[False, True])  # fmt: skip
    shares = numbers([[0.1, 0.2], [np.nan, np.nan]])
    beside = search(path, {"epoch-4": ([4, np.nan], shares), "fit": ([np.nan, np.nan], shares)})
    for figure in ("critical_samples", "critical_curves"):
        table, drawn = figure_modules(figure)
        found = table.tabulate([path], {"critical_samples": [beside]})
        assert found.loc[~found["diverged"], "epoch"].notna().all()
        assert found["diverged"].any()
        assert "1 diverged member left out." in note_of(drawn.draw(found))


def test_two_checkpoints_of_one_epoch_are_one_state(train: Callable, search: Callable) -> None:
    path = train((Member(),))
    beside = search(path, {name: (4.0, numbers([[0.1, 0.2]])) for name in ("epoch-4", "fit")})
    found = critical_curves_table.tabulate([path], {"critical_samples": [beside]})
    assert found["validation_critical"].tolist() == [0.1, 0.2]


def test_files_of_other_folders_or_members_are_refused(train: Callable, search: Callable) -> None:
    path = train((Member(),))
    with pytest.raises(ValueError, match=r"no critical_samples\.h5 of this folder"):
        critical_samples_table.tabulate([path], {"critical_samples": []})
    beside = search(path, {"epoch-4": (4.0, numbers(0.5))})
    path.unlink()
    other = train((Member(), Member(seed=1)))
    with pytest.raises(ValueError, match="does not have the 2 members"):
        critical_samples_table.tabulate([other], {"critical_samples": [beside]})


def test_each_problem_has_its_own_smallest_radius() -> None:
    table = pd.DataFrame(
        {
            "dataset": ["mnist"] * 3 + ["cifar10"] * 3, "image_size": 14, "examples": 10, "width": 8,
            "radius": [0.01, 0.02, np.nan, 0.1, 0.2, 0.3],
        }
    )  # fmt: skip
    assert at_radius(table)["radius"].tolist() == [0.1, 0.01]
    assert at_radius(table, 2)["radius"].tolist() == [0.2, 0.02]
    assert at_radius(table, 3)["radius"].tolist() == [0.3, 0.02]
    assert at_radius(table.iloc[2:3]).empty


def test_radii_in_words() -> None:
    assert in_pixels([0.3 / 255]) == "0.00118 of the pixel range (0.3 of 255)"
    assert (
        in_pixels([0.02, 0.01, 0.02]) == "0.01 of the pixel range (2.55 of 255) or 0.02 of the pixel range (5.1 of 255)"
    )


# ---- drawings


def note_of(drawing) -> str:
    return drawing._supxlabel.get_text().replace("\n", " ")


@pytest.fixture
def files(train: Callable, search: Callable, members: Callable) -> tuple[list[Path], dict[str, list[Path]]]:
    """Two data sets, three seeds, three epochs measured; shares grow with the seed and the epoch."""
    stack = members(3, {"none": (0.0,), "randX": (0.5, 1.0), "randY": (0.5, 1.0)})
    trained = [train(stack, dataset=dataset, epochs=20) for dataset in ("mnist", "fashion")]
    base = np.linspace(0.1, 0.5, len(stack))[:, None] * [1.0, 1.5]
    checkpoints = {f"epoch-{epoch}": (epoch, numbers(base + epoch / 200, base / 4, base / 2)) for epoch in (0, 5, 20)}
    return trained, {"critical_samples": [search(path, checkpoints) for path in trained]}


def inside(axes) -> bool:
    """Whether all that is drawn lies within the limits."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    for line in axes.lines:
        x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
        if not (((left <= x) & (x <= right)).all() and ((bottom <= y) & (y <= top)).all()):
            return False
    return True


def redrawn(figure: str, files, tmp_path: Path, targets: bool = False):
    """The drawing of the table as read back from its CSV."""
    path = TARGETS / f"{figure}.csv" if targets else None
    table, drawn = figure_modules(figure)
    tables.write_table(table.tabulate(*files, path), tmp_path / "table.csv")
    return drawn.draw(tables.read_table(tmp_path / "table.csv"))


def test_critical_samples_has_a_pair_of_panels_for_each_kind(files, tmp_path) -> None:
    drawing = redrawn("critical_samples", files, tmp_path)
    drawing.canvas.draw()
    assert len(drawing.axes) == 2 * 2 * 2
    assert all(inside(axes) for axes in drawing.axes)
    accuracy, critical = drawing.axes[:2]
    assert [line.get_linestyle() for line in accuracy.lines] == ["-"] * 3 + [":"] * 3  # real data and two levels
    lines = [line for line in critical.lines if len(line.get_xdata()) == 3]
    assert len(lines) == 3
    assert lines[0].get_xdata().tolist() == [0, 5, 20]
    ours = critical_samples_table.tabulate(*files)
    real = ours[(ours["dataset"] == "mnist") & (ours["noise"] == "none") & (ours["radius"] == 0.01)]
    expected = real.groupby("epoch")["validation_critical"].mean()
    np.testing.assert_allclose(lines[0].get_ydata(), expected, rtol=1e-6)
    titles = {axes.get_title(loc="left") for axes in drawing.axes}
    assert {"MNIST 14×14", "Fashion-MNIST 14×14"} <= titles
    assert "(2.55 of 255)" in note_of(drawing)


def test_critical_curves_shows_training_samples_and_random_search(files, tmp_path) -> None:
    drawing = redrawn("critical_curves", files, tmp_path)
    drawing.canvas.draw()
    assert len(drawing.axes) == 2 * 3
    assert all(inside(axes) for axes in drawing.axes)
    validation, training, radius = drawing.axes[:3]
    assert len(validation.lines) == len(training.lines) == 3
    assert [line.get_linestyle() for line in radius.lines] == ["-", "--"] * 3
    for lass, random in zip(radius.lines[::2], radius.lines[1::2], strict=True):
        assert (np.asarray(lass.get_ydata()) > np.asarray(random.get_ydata())).all()


@pytest.mark.parametrize("figure", ["critical_samples", "critical_curves"])
def test_the_originals_values_are_open_markers(figure, files, tmp_path, train: Callable, search: Callable) -> None:
    if figure == "critical_curves":  # its original is of CIFAR-10
        path = train((Member(), Member(seed=1)), dataset="cifar10", epochs=140, folder=tmp_path / "cnn")
        files = [path], {"critical_samples": [search(path, {"epoch-140": (140.0, numbers(0.4))})]}
    plain, targeted = (redrawn(figure, files, tmp_path, targets) for targets in (False, True))
    open_markers = [
        sum(line.get_markerfacecolor() == "white" for axes in drawing.axes for line in axes.lines)
        for drawing in (plain, targeted)
    ]
    assert open_markers[0] == 0
    assert open_markers[1] >= 3
    assert "read off the original" in note_of(targeted)
    assert "read off the original" not in note_of(plain)


def test_what_was_not_measured_is_said(train: Callable, search: Callable, tmp_path) -> None:
    path = train((Member(), Member(seed=1)))
    files = [path], {"critical_samples": [search(path, {"epoch-4": (4.0, {"validation/critical": [0.2]})}, (0.01,))]}
    drawing = redrawn("critical_curves", files, tmp_path)
    assert [text.get_text() for text in drawing.axes[1].texts] == ["not measured"]
    redrawn("critical_samples", files, tmp_path).canvas.draw()


@pytest.mark.parametrize("name", ["critical_samples", "critical_curves"])
def test_targets_have_the_tables_columns_and_sensible_values(name: str) -> None:
    targets = tables.read_table(TARGETS / f"{name}.csv")
    assert set(targets) <= set(COLUMNS)
    shares = targets[[column for column in targets if column.endswith(("accuracy", "critical"))]]
    assert shares.min().min() >= 0
    assert shares.max().max() <= 1
    assert set(targets["radius"].dropna().round(8)) == {round(0.3 / 255, 8)}
