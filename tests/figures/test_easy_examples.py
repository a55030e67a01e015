"""B-Fig 1, from answers that are known to the table and the drawing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from bare_training import write_trained
from matplotlib.figure import Figure
from scipy import stats

from closerlook.figures import easy_examples, rendering
from closerlook.spec import Answers, Ensemble, Member
from closerlook.tables import easy_examples as easy_examples_table
from closerlook.tables import rows as tables
from closerlook.tables.answers import COLUMNS, one_epoch, wrong_networks

KINDS = (("none", 0.0), ("randX", 1.0), ("randY", 1.0))
EXAMPLES, STEPS = 40, (2, 4, 8)


def ensemble(networks: int, *, kinds: tuple = KINDS, dataset: str = "mnist", **changes: object) -> Ensemble:
    members = tuple(Member(seed=seed, noise=noise, level=level) for noise, level in kinds for seed in range(networks))
    spec = Ensemble(
        dataset=dataset, image_size=14, examples=EXAMPLES, validation_examples=10, network="mlp", widths=(8, 8),
        batch_size=10, epochs=2, members=members, same_examples=True, answers=Answers(STEPS, EXAMPLES),
    )  # fmt: skip
    return replace(spec, **changes)


@pytest.fixture
def answer(tmp_path: Path) -> Callable[..., Path]:
    """Write a trained.h5 with answers (member, look, example); labels are the examples' numbers modulo 10."""

    def write(spec: Ensemble, correct: np.ndarray, diverged: object = False, folder: str = "run") -> Path:
        asked = spec.answers.examples
        parts = {
            "answers/step": np.array(spec.answers.steps, np.int32),
            "answers/labels": np.tile(np.arange(asked, dtype=np.uint16) % 10, (len(spec.members), 1)),
            "answers/correct": np.packbits(correct[:, :, :asked].astype(bool), axis=2),
        }
        return write_trained(tmp_path / folder / "trained.h5", spec, parts, diverged)

    return write


def drawn_answers(spec: Ensemble) -> np.ndarray:
    """Networks that learn: real data's examples from hard to easy, noise's all alike."""
    generator = np.random.default_rng(0)
    look = np.arange(1, len(spec.answers.steps) + 1)[:, None] / 4
    position = np.linspace(0, 1, EXAMPLES)
    chances = [look * np.ones(EXAMPLES) / 2 if member.noise != "none" else look * position for member in spec.members]
    return generator.random((len(spec.members), len(look), EXAMPLES)) < np.stack(chances)


@pytest.fixture
def path(answer: Callable[..., Path]) -> Path:
    spec = ensemble(20)
    return answer(spec, drawn_answers(spec))


def answers_in(path: Path) -> np.ndarray:
    with h5py.File(path) as file:
        return np.unpackbits(file["answers/correct"][:], axis=2, count=EXAMPLES).astype(int)


def note_of(drawing: Figure) -> str:
    return drawing._supxlabel.get_text().replace("\n", " ")


def test_the_table_is_exact(answer: Callable[..., Path]) -> None:
    spec = ensemble(3, kinds=(("randY", 1.0),), answers=Answers((1, 4), 3))
    correct = np.zeros((3, 2, 3), bool)
    correct[:, 1] = [[1, 1, 0], [1, 0, 0], [1, 1, 1]]
    table = easy_examples_table.tabulate([answer(spec, correct, diverged=[False, False, True])], {})
    rest = ("mnist", 14, EXAMPLES, 8, "randY", 1.0)
    rights = [(1, 0.25, 0, 0), (1, 0.25, 1, 0), (1, 0.25, 2, 0), (4, 1.0, 0, 2), (4, 1.0, 1, 1), (4, 1.0, 2, 0)]
    expected = pd.DataFrame(
        [(*rest, step, epoch, number, number, right, 2, 1, False, "run") for step, epoch, number, right in rights],
        columns=[*COLUMNS, "source"],
    )
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)


def test_bits_beyond_the_last_example_are_no_answers(answer: Callable[..., Path]) -> None:
    spec = ensemble(2, kinds=(("none", 0.0),), answers=Answers((4,), 11))
    table = easy_examples_table.tabulate([answer(spec, np.ones((2, 1, 11)))], {})
    assert table["right"].tolist() == [2] * 11


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"same_examples": False}, "no answers on the same examples"),
        (
            {"members": (Member(), Member(seed=1, regularizers={"dropout": 0.5}))},
            "differ in dropout would pass for seeds",
        ),
    ],
)
def test_networks_that_cannot_be_counted_together_are_refused(
    answer: Callable[..., Path], change: dict, words: str
) -> None:
    spec = ensemble(2, kinds=(("none", 0.0),), **change)
    with pytest.raises(ValueError, match=words):
        easy_examples_table.tabulate([answer(spec, np.ones((2, 3, EXAMPLES)))], {})


def test_two_ensembles_of_one_cell_are_refused(answer: Callable[..., Path]) -> None:
    spec = ensemble(2)
    files = [answer(spec, np.full((6, 3, EXAMPLES), turn), folder=str(turn)) for turn in (0, 1)]
    with pytest.raises(ValueError, match="two ensembles of the same data, size and noise"):
        easy_examples_table.tabulate(files, {})


def test_wrong_networks_come_step_by_example(path: Path) -> None:
    table = easy_examples_table.tabulate([path], {})
    real = table[table["noise"] == "none"].sample(frac=1, random_state=0)
    wrong = wrong_networks(real)
    assert list(wrong.index) == list(STEPS)
    assert list(wrong.columns) == list(range(EXAMPLES))
    np.testing.assert_array_equal(wrong.to_numpy(), 20 - answers_in(path)[:20].sum(axis=0))
    with pytest.raises(ValueError, match="rows of several ensembles"):
        wrong_networks(table)


def test_one_epoch_is_the_step_that_completes_it(path: Path) -> None:
    table = easy_examples_table.tabulate([path], {})
    assert one_epoch(table) == 4
    assert one_epoch(table[table["step"] != 4]) is None


def test_a_row_of_panels_per_data_set(path: Path, answer: Callable[..., Path]) -> None:
    spec = ensemble(20, dataset="fashion")
    both = [path, answer(spec, drawn_answers(spec), folder="fashion")]
    drawing = easy_examples.draw(easy_examples_table.tabulate(both, {}))
    drawing.canvas.draw()
    assert len(drawing.axes) == 6
    assert all(axes.get_xlabel() and axes.get_ylabel() and axes.lines for axes in drawing.axes)
    assert [text.get_text() for axes in drawing.axes for text in axes.texts] == ["MNIST 14×14", "Fashion-MNIST 14×14"]
    assert [text.get_text() for text in drawing.legends[0].get_texts()] == [
        "real data", "random inputs", "random labels", "equally hard (binomial)", "after one epoch",
    ]  # fmt: skip


def test_examples_are_sorted_after_one_epoch(path: Path) -> None:
    axes = easy_examples.draw(easy_examples_table.tabulate([path], {})).axes[0]
    real, random, binomial = (line.get_ydata() for line in axes.lines[:3])
    shares = answers_in(path)[:, 1].reshape(3, 20, EXAMPLES).mean(axis=1)
    np.testing.assert_allclose(real, np.sort(shares[0]))
    np.testing.assert_allclose(random, np.sort(shares[1]))
    assert binomial[20] == stats.binom.ppf((20 + 0.5) / EXAMPLES, 20, shares[1].mean()) / 20


def test_dispersion_and_easy_examples_stand_over_the_mean_error(path: Path) -> None:
    axes = easy_examples.draw(easy_examples_table.tabulate([path], {})).axes
    right = answers_in(path)[:20].sum(axis=0)
    error = 1 - right.mean(axis=1) / 20
    np.testing.assert_allclose(axes[1].lines[0].get_xdata(), error)
    expected = right.var(axis=1, ddof=1) / (20 * error * (1 - error))
    np.testing.assert_allclose(axes[1].lines[0].get_ydata(), expected)
    np.testing.assert_allclose(axes[2].lines[0].get_ydata(), 100 * (right == 20).mean(axis=1))
    for panel in axes[1:]:  # the hollow marker is the look after one epoch
        hollow = [line for line in panel.lines if line.get_markerfacecolor() == "white"]
        assert len(hollow) == 3
        assert hollow[0].get_xdata().tolist() == [error[1]]


def test_looks_at_which_all_is_right_are_drawn_without_dispersion(answer: Callable[..., Path]) -> None:
    spec = ensemble(20)
    correct = drawn_answers(spec)
    correct[:, -1] = True
    drawing = easy_examples.draw(easy_examples_table.tabulate([answer(spec, correct)], {}))
    drawing.canvas.draw()
    assert np.isnan(drawing.axes[1].lines[0].get_ydata()[-1])
    assert drawing.axes[2].lines[0].get_ydata()[-1] == 100


def test_without_a_look_after_one_epoch_the_nearest_is_shown_and_named(answer: Callable[..., Path]) -> None:
    spec = ensemble(20, answers=Answers((2, 5, 8), EXAMPLES))
    drawing = easy_examples.draw(easy_examples_table.tabulate([answer(spec, drawn_answers(spec))], {}))
    assert "after 5 steps, the look nearest to one epoch" in note_of(drawing)


def test_the_small_print_counts_networks_and_who_diverged(path: Path, answer: Callable[..., Path]) -> None:
    note = note_of(easy_examples.draw(easy_examples_table.tabulate([path], {})))
    assert note.startswith("20 networks a kind of noise")
    assert "diverged" not in note
    spec = ensemble(20)
    diverged = np.arange(60) < 2
    table = easy_examples_table.tabulate([answer(spec, drawn_answers(spec), diverged, folder="diverged")], {})
    note = note_of(easy_examples.draw(table))
    assert note.startswith("18 to 20 networks a kind of noise")
    assert note.endswith("2 diverged members left out.")


@pytest.mark.parametrize("lost", [20, 60])
def test_a_kind_of_which_all_diverged_is_left_out(answer: Callable[..., Path], lost: int) -> None:
    spec = ensemble(20)
    table = easy_examples_table.tabulate([answer(spec, drawn_answers(spec), np.arange(60) < lost)], {})
    assert table["diverged"].sum() == lost // 20 * EXAMPLES * len(STEPS)
    drawing = easy_examples.draw(table)
    drawing.canvas.draw()
    assert "diverged members left out." in note_of(drawing)
    assert len(drawing.axes) == (3 if lost < 60 else 0)


def test_the_originals_values_are_markers(path: Path, tmp_path: Path) -> None:
    (tmp_path / "targets.csv").write_text(
        "dataset,noise,level,epoch,position,right,networks\nmnist,none,0,1,0.5,30,100\nmnist,none,0,1,1,100,100\n"
        "cifar10,none,0,1,1,100,100\n"
    )
    table = easy_examples_table.tabulate([path], {}, tmp_path / "targets.csv")
    drawing = easy_examples.draw(table)
    stars = [line for axes in drawing.axes for line in axes.lines if line.get_marker() == "*"]
    assert [(list(line.get_xdata()), list(line.get_ydata())) for line in stars] == [([50, 100], [0.3, 1.0])]
    assert "Stars: read off the original figure." in note_of(drawing)
    assert "original figure" in [text.get_text() for text in drawing.legends[0].get_texts()]


def test_the_published_targets_are_shares_in_order() -> None:
    targets = tables.read_table(Path(__file__).parents[2] / "papers" / "B" / "targets" / "easy_examples.csv")
    assert targets.groupby("noise").size().to_dict() == {"none": 7, "randX": 7, "randY": 7}
    for _, line in targets.groupby("noise"):
        assert line["position"].is_monotonic_increasing
        assert line["right"].is_monotonic_increasing
        assert line["right"].between(0, line["networks"]).all()


def test_it_is_rendered_the_same_twice_from_the_table_as_written(path: Path, tmp_path: Path) -> None:
    contents = []
    for turn in ("one", "two"):
        files = [tmp_path / turn / f"easy_examples.{form}" for form in ("csv", "json", "svg", "pdf")]
        rendering.render("easy_examples", [path], [], None, *files)
        contents.append([file.read_bytes() for file in files])
    assert contents[0] == contents[1]
    table = easy_examples_table.tabulate([path], {})
    written = tables.read_table(tmp_path / "one" / "easy_examples.csv")
    pd.testing.assert_frame_equal(written, table, check_dtype=False)
