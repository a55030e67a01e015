"""What the figures of capacity draw and say where kinds of noise of one's own are added to ours, or stand alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from drawings import check_drawing, note_of
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from closerlook import things
from closerlook.figures import capacity, capacity_by_noise
from closerlook.tables import capacity as capacity_table
from closerlook.tables import capacity_by_noise as capacity_by_noise_table

NOISE = """
from closerlook.data.noise import Noise
from closerlook.things import Look

noise = Noise(words="jumbled pixels", replaces="inputs", look=Look("#aa3377", "X"))


def draw(rng, inputs, labels, statistics):
    return rng.permuted(inputs, axis=1)
"""

TABLES = {capacity: capacity_table, capacity_by_noise: capacity_by_noise_table}
OURS = {"none": (0.0,), "randX": (0.5, 1.0), "randY": (0.5, 1.0)}
OWN = {"none": (0.0,), "jumbled": (0.5, 1.0)}


@pytest.fixture(autouse=True)
def _jumbled(tmp_path: Path) -> Iterator[None]:
    before = things.own_folders()
    (tmp_path / "own" / "noise").mkdir(parents=True)
    (tmp_path / "own" / "noise" / "jumbled.py").write_text(NOISE)
    things.use([*before, tmp_path / "own"])
    yield
    things.use(before)


@pytest.fixture
def draw(train: Callable[..., Path], members: Callable) -> Callable[..., Figure]:
    """Draw the figure of a module from made-up networks: for each number of examples, kinds and their levels."""

    def drawn(module: ModuleType, cells: dict[int, dict[str, tuple[float, ...]]]) -> Figure:
        files = [
            train(members(2, kinds), examples=examples, width=width, train_accuracy=1.0, validation_accuracy=0.5)
            for examples, kinds in cells.items()
            for width in (8, 16, 32)
        ]
        return module.draw(TABLES[module].tabulate(files))

    return drawn


def panels(drawing: Figure, title: str) -> list[Axes]:
    return [axes for axes in drawing.axes if axes.get_title() == title]


@pytest.mark.parametrize("module", TABLES)
def test_pure_noise_that_may_teach_something_is_drawn_and_not_said_to_be_at_chance(
    module: ModuleType, draw: Callable
) -> None:
    drawing = draw(module, {1000: OWN})
    (own,) = panels(drawing, "Jumbled pixels")
    assert len(own.lines) == 3  # real data, a half and all
    assert "chance" not in note_of(drawing)
    widths = drawing.axes[-1]
    assert [line.get_xdata().tolist() for line in widths.lines] == [[0, 0.5, 1]]


@pytest.mark.parametrize("module", TABLES)
def test_the_note_names_the_pure_noise_that_is_left_out_where_another_is_drawn(
    module: ModuleType, draw: Callable
) -> None:
    drawing = draw(module, {1000: OURS | OWN})
    lines = {title: len(panels(drawing, title)[0].lines) for title in ("Jumbled pixels", "Random inputs")}
    assert lines == {"Jumbled pixels": 3, "Random inputs": 2}
    assert "Pure random inputs and random labels validate at chance and are left out" in note_of(drawing)


@pytest.mark.parametrize("module", TABLES)
def test_ours_alone_are_pure_noise_as_ever(module: ModuleType, draw: Callable) -> None:
    assert "Pure noise validates at chance and is left out" in note_of(draw(module, {1000: OURS}))


@pytest.mark.parametrize("module", TABLES)
def test_a_block_has_the_kinds_that_were_trained_for_it_and_no_empty_panel(module: ModuleType, draw: Callable) -> None:
    drawing = draw(module, {500: OWN, 1000: OURS})
    check_drawing(drawing)
    blocks = [{axes.get_title() for axes in block.axes} - {""} for block in drawing.subfigs]
    kinds = [{title for title in block if title.startswith(("Jumbled", "Random"))} for block in sorted(blocks, key=len)]
    assert kinds == [{"Jumbled pixels"}, {"Random inputs", "Random labels"}]


MANY = {"none": (0.0,)} | dict.fromkeys(("jumbled", "randX", "randXg", "randXu", "randY"), (0.2, 0.4, 0.6, 0.8, 1.0))


@pytest.mark.parametrize("count", range(1, 6))
@pytest.mark.parametrize("module", TABLES)
def test_no_words_reach_into_another_panel_or_out_of_the_drawing(
    module: ModuleType, draw: Callable, count: int
) -> None:
    drawing = draw(module, {1000: dict(list(MANY.items())[: count + 1])})
    drawing.draw_without_rendering()
    page = drawing.bbox
    for axes in drawing.axes:
        for words in (axes.xaxis.label, axes.yaxis.label, axes.title):
            if not words.get_visible() or not words.get_text():
                continue
            box = words.get_window_extent()
            assert page.x0 <= box.x0 < box.x1 <= page.x1, words.get_text()
            assert not [other for other in drawing.axes if other is not axes and box.overlaps(other.bbox)]
        label, axis = axes.yaxis.label.get_window_extent(), axes.bbox
        if module is capacity and axes.get_title() == "Capacity needed to fit" and count != 2:
            assert axis.y0 <= label.y0 < label.y1 <= axis.y1
