"""B-Fig 2, from weights that are known to the table and the drawing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bare_training import write_trained
from matplotlib.figure import Figure

from closerlook.figures import filters, rendering
from closerlook.numerics.filters import low_frequency_power, neighbour_correlation
from closerlook.spec import Checkpoints, Ensemble, Member
from closerlook.tables import filters as filters_table
from closerlook.tables import rows as tables

KINDS = (("none", 0.0), ("randX", 0.5), ("randX", 1.0), ("randY", 0.5), ("randY", 1.0))
SIZE, UNITS = 6, 20


def ensemble(seeds: int = 2, *, kinds: tuple = KINDS, **changes: object) -> Ensemble:
    members = tuple(Member(seed=seed, noise=noise, level=level) for noise, level in kinds for seed in range(seeds))
    spec = Ensemble(
        dataset="mnist", image_size=SIZE, examples=100, validation_examples=10, network="mlp", widths=(UNITS, UNITS),
        batch_size=10, epochs=9, members=members, checkpoints=Checkpoints(epochs=(0, 3, 9)),
    )  # fmt: skip
    return replace(spec, **changes)


def white(spec: Ensemble, *shape: int) -> dict[str, np.ndarray]:
    """White weights for every checkpoint."""
    generator = np.random.default_rng(0)
    shape = shape or (UNITS, SIZE * SIZE)
    return {
        name: generator.normal(size=(len(spec.members), *shape)).astype(np.float32) for name in spec.checkpoints.names()
    }


@pytest.fixture
def keep(tmp_path: Path) -> Callable[..., Path]:
    """Write a trained.h5 with first-layer weights by checkpoint: (member, unit, pixel) or of a convolution."""

    def write(spec: Ensemble, weights: dict[str, np.ndarray], diverged: object = False, folder: str = "run") -> Path:
        count = len(spec.members)
        parts = {f"checkpoints/{name}/weight0": values for name, values in weights.items()}
        for name in weights:
            parts |= {f"checkpoints/{name}/{number}": np.zeros(count, np.float32) for number in ("epoch", "loss")}
        return write_trained(tmp_path / folder / "trained.h5", spec, parts, diverged)

    return write


@pytest.fixture
def path(keep: Callable[..., Path]) -> Path:
    spec = ensemble()
    return keep(spec, white(spec))


def note_of(drawing: Figure) -> str:
    return drawing._supxlabel.get_text().replace("\n", " ")


def numbers(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["unit"].isna()]


def test_every_network_has_a_row_of_numbers_per_stage(keep: Callable[..., Path]) -> None:
    spec = ensemble()
    weights = white(spec)
    rows = numbers(filters_table.tabulate([keep(spec, weights)], {}))
    assert len(rows) == len(spec.members) * 3
    assert set(rows["epoch"][rows["stage"] == "initial"]) == {0}
    assert set(rows["epoch"][rows["stage"] != "initial"]) == {9}
    one = rows[(rows["noise"] == "randX") & (rows["level"] == 1) & (rows["seed"] == 1)].set_index("stage")
    initial, trained = (weights[name][5].astype(float).reshape(UNITS, 1, SIZE, SIZE) for name in ("epoch-0", "epoch-9"))
    for stage, images in {"initial": initial, "trained": trained, "learned": trained - initial}.items():
        assert one.loc[stage, "neighbour_correlation"] == neighbour_correlation(images)
        assert one.loc[stage, "low_frequency_power"] == low_frequency_power(images)


def test_the_units_that_changed_most_have_rows_of_weights(keep: Callable[..., Path]) -> None:
    spec = ensemble(kinds=(("randY", 0.5), ("randY", 1.0)))
    weights = white(spec)
    weights["epoch-9"] = weights["epoch-0"].copy()
    weights["epoch-9"][:, 2:18] += 1.0  # four units stay as they were
    table = filters_table.tabulate([keep(spec, weights)], {})
    drawn = table[table["unit"].notna()]
    assert set(drawn["level"]) == {1.0}
    assert set(drawn["seed"]) == {0}
    assert set(drawn["unit"]) == set(range(2, 18))
    assert set(drawn["stage"]) == {"initial", "trained"}
    assert len(drawn) == 2 * 16 * SIZE * SIZE
    last = drawn[(drawn["stage"] == "trained") & (drawn["unit"] == 7) & (drawn["row"] == 2) & (drawn["column"] == 3)]
    assert last["weight"].tolist() == [float(weights["epoch-9"][2, 7, 2 * SIZE + 3])]
    assert drawn["neighbour_correlation"].isna().all()


def test_kernels_of_a_convolution_are_filters(keep: Callable[..., Path]) -> None:
    spec = ensemble(network="alexnet", widths=(), dataset="cifar10")
    table = filters_table.tabulate([keep(spec, white(spec, 30, 3, 5, 5))], {})
    assert set(table["network"]) == {"alexnet"}
    drawn = table[table["unit"].notna()]
    assert drawn[["channel", "row", "column"]].max().tolist() == [2, 4, 4]
    drawing = filters.draw(table)
    drawing.canvas.draw()
    pictures = [axes.images[0].get_array() for axes in drawing.findobj() if getattr(axes, "images", None)]
    assert pictures[0].shape == (4 * 6 - 1, 4 * 6 - 1, 3)
    assert (pictures[0][:5, :5].std(axis=2) > 0).all()  # in colour


def test_diverged_networks_are_marked_and_another_is_drawn(keep: Callable[..., Path]) -> None:
    spec = ensemble()
    weights = white(spec)
    weights["epoch-9"][0] = np.nan
    table = filters_table.tabulate([keep(spec, weights, np.arange(len(spec.members)) == 0)], {})
    lost = table[table["diverged"]]
    assert list(lost["stage"]) == ["initial", "trained", "learned"]
    assert lost["neighbour_correlation"].isna().tolist() == [False, True, True]
    assert set(table.loc[table["unit"].notna() & (table["noise"] == "none"), "seed"]) == {1}
    assert note_of(filters.draw(table)).endswith("1 diverged member left out.")


@pytest.mark.parametrize("epochs", [(3, 9), (0,), ()])
def test_the_initial_and_a_later_state_are_needed(keep: Callable[..., Path], epochs: tuple[int, ...]) -> None:
    spec = ensemble(checkpoints=Checkpoints(epochs=epochs))
    with pytest.raises(ValueError, match="checkpoints at epoch 0 and a later one"):
        filters_table.tabulate([keep(spec, white(spec))], {})


def test_targets_are_refused() -> None:
    with pytest.raises(ValueError, match="leave its targets out"):
        filters_table.tabulate([], {}, Path("targets.csv"))


def test_a_block_per_data_set_with_a_picture_per_stage_and_kind(path: Path, keep: Callable[..., Path]) -> None:
    spec = ensemble(dataset="fashion")
    drawing = filters.draw(filters_table.tabulate([path, keep(spec, white(spec), folder="fashion")], {}))
    drawing.canvas.draw()
    pictures = [axes for axes in drawing.axes if axes.images]
    assert len(pictures) == 2 * 9
    assert [axes.get_title() for axes in pictures[:3]] == ["real data", "random inputs", "random labels"]
    assert [axes.get_ylabel() for axes in pictures[:9:3]] == ["Initial", "Trained", "Learned"]
    panels = [axes for axes in drawing.axes if not axes.images]
    assert [axes.get_ylabel() for axes in panels] == ["Neighbour correlation", "Low-frequency power"] * 2
    headings = [block.get_suptitle() for block in drawing.subfigs]
    assert headings == ["MNIST 6×6, MLP", "Fashion-MNIST 6×6, MLP"]


def test_lines_begin_at_real_data(path: Path) -> None:
    table = filters_table.tabulate([path], {})
    drawing = filters.draw(table)
    panel = next(axes for axes in drawing.axes if axes.get_ylabel() == "Neighbour correlation")
    trained = numbers(table)[numbers(table)["stage"] == "trained"]
    means = trained.groupby(["noise", "level"])["neighbour_correlation"].mean()
    solid = [line for line in panel.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 3]
    wanted = [[means["none", 0.0], means[kind, 0.5], means[kind, 1.0]] for kind in ("randX", "randY")]
    np.testing.assert_allclose([line.get_ydata() for line in solid], wanted)
    assert [line.get_xdata().tolist() for line in solid] == [[0, 0.5, 1]] * 2


def test_a_picture_shows_filters_beside_each_other_with_zero_as_grey() -> None:
    images = np.stack([np.full((2, 3, 1), value) for value in (0.1, 0.2, 0.3, 0.4, 0.5)])
    sheet = filters.mosaic(images)[..., 0]
    assert sheet.shape == (2 * 2 + 1, 4 * 3 + 3)
    assert sheet[0].tolist() == [0.1] * 3 + [1] + [0.2] * 3 + [1] + [0.3] * 3 + [1] + [0.4] * 3
    assert sheet[4].tolist() == [0.5] * 3 + [1] * 12
    assert (sheet[2] == 1).all()


@pytest.mark.parametrize("kinds", [(("none", 0.0),), (("randY", 0.8),)])
def test_a_small_grid_is_drawn(keep: Callable[..., Path], kinds: tuple) -> None:
    spec = ensemble(1, kinds=kinds, widths=(4,))
    drawing = filters.draw(filters_table.tabulate([keep(spec, white(spec, 4, SIZE * SIZE))], {}))
    drawing.canvas.draw()
    assert sum(bool(axes.images) for axes in drawing.axes) == 3
    assert "the 4 units" in note_of(drawing)


def test_an_ensemble_that_diverged_as_a_whole_says_so(keep: Callable[..., Path]) -> None:
    spec = ensemble()
    drawing = filters.draw(filters_table.tabulate([keep(spec, white(spec), True)], {}))
    assert note_of(drawing) == "10 diverged members left out."


def test_it_is_rendered_the_same_twice_from_the_table_as_written(path: Path, tmp_path: Path) -> None:
    contents = []
    for turn in ("one", "two"):
        files = [tmp_path / turn / f"filters.{form}" for form in ("csv", "json", "svg", "pdf")]
        rendering.render("filters", [path], [], None, *files)
        contents.append([file.read_bytes() for file in files])
    assert contents[0] == contents[1]
    written = tables.read_table(tmp_path / "one" / "filters.csv")
    pd.testing.assert_frame_equal(written, filters_table.tabulate([path], {}), check_dtype=False)
