"""From trained.h5 to sensitivity.h5."""

import json

import h5py
import numpy as np
import pytest
import torch

from closerlook import nets, store
from closerlook.data.loading import TrainingData
from closerlook.measures import job as opening
from closerlook.measures.sensitivity import Options
from closerlook.measures.sensitivity.run import class_losses, class_means, minibatch_losses, times
from closerlook.numerics.gini import gini
from closerlook.numerics.unrolled import unrolled_derivatives
from closerlook.objectives import OBJECTIVES
from closerlook.spec import Checkpoints, Ensemble, Member
from closerlook.training.job import to_problem
from closerlook.training.replay import ReplayError, Replays, Trajectory
from closerlook.training.stack import Stack
from closerlook.training.trainer import train_ensemble

MEMBERS = tuple(Member(seed=seed, learning_rate=0.5, momentum=0.0) for seed in range(3))
SPEC = Ensemble(dataset="mnist", image_size=3, examples=30, validation_examples=4,
    network="mlp", widths=(6, 5), batch_size=8, epochs=9, members=MEMBERS, 
    checkpoints=Checkpoints((0, 5)), objective="offset",
                with_replacement=True)  # fmt: skip
CLASSES, PIXEL = 3, 2.5
OPTIONS = {"steps": (6, 11, 20), "losses": 3, "over": 6, "at_once": 2}


def training_data(own_class=False):
    generator = np.random.default_rng(0)
    rows = np.stack([generator.permutation(40)[:30] for _ in MEMBERS])
    labels = np.broadcast_to(np.arange(30), rows.shape) if own_class else generator.integers(0, CLASSES, rows.shape)
    return TrainingData(
        pool=generator.standard_normal((40, 1, 3, 3), dtype=np.float32),
        rows=rows,
        labels=labels.copy(),
        is_noise=np.zeros(rows.shape, dtype=bool),
        validation_inputs=np.zeros((4, 1, 3, 3), dtype=np.float32),
        validation_labels=np.zeros(4, dtype=np.int64),
        validation_rows=np.tile(np.arange(4), (len(MEMBERS), 1)),
        pixel=PIXEL,
        classes=30 if own_class else CLASSES,
    )


def network_of(spec):
    return nets.build(spec, (1, 3, 3), 30 if spec.own_class else CLASSES)


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Train an ensemble on the made-up data and return its trained.h5."""

    def run(spec=SPEC):
        data = training_data(spec.own_class)
        monkeypatch.setattr(opening, "load_training_data", lambda *_: data)
        problem = to_problem(data, torch.device("cpu"))
        record = train_ensemble(spec, network_of(spec), OBJECTIVES[spec.objective], problem)
        record.write(tmp_path / "trained.h5", {}, "cpu")
        return tmp_path / "trained.h5"

    return run


def measure(trained, **options):
    output, lines = trained.with_name("sensitivity.h5"), []
    source = opening.Source(trained=trained, data=trained, noise={})
    opening.measure("sensitivity", source, output, OPTIONS | options, log=lines.append, replays=Replays)
    with store.read(output, "sensitivity") as file:
        return {name: values[:] for name, values in file.items()}, dict(file.attrs), lines


def unrolled(number, losses, spec=SPEC):
    """Return (loss, example, pixel) of a member by autograd through all updates, and the member's labels."""
    data, network = training_data(spec.own_class), network_of(spec)
    objective = OBJECTIVES[spec.objective]
    trajectory = Trajectory(Stack(spec, [number], network, objective, to_problem(data, torch.device("cpu"))), 20)
    inputs, labels = torch.from_numpy(data.pool[data.rows[number]]).double(), torch.from_numpy(data.labels[number])
    start = next(trajectory.backwards(0))[1].double()
    setting = (losses(trajectory, labels), network, objective, inputs, labels)
    return unrolled_derivatives(start, trajectory.batches, trajectory.rates, *setting), labels


def test_an_examples_sensitivity_is_that_of_the_unrolled_graph(train):
    found, _, _ = measure(train())
    options = Options(**OPTIONS)
    for number in range(3):
        for index, horizon in enumerate(OPTIONS["steps"]):
            by_pixel, _ = unrolled(number, lambda run, _, end=horizon: minibatch_losses(options, run, end))
            expected = PIXEL * by_pixel.abs().mean(dim=(0, 2))
            np.testing.assert_allclose(found["sensitivity"][number, index], expected, rtol=1e-3, atol=1e-9)
            assert found["gini"][number, index] == pytest.approx(gini(found["sensitivity"][number, index]), abs=1e-12)


def test_the_class_matrix_is_that_of_the_unrolled_graph_with_the_direct_path(train):
    found, _, _ = measure(train(), losses=6)
    options = Options(**{**OPTIONS, "losses": 6})
    by_pixel, labels = unrolled(1, lambda _, labels: class_losses(options, labels, CLASSES))
    by_loss = PIXEL * by_pixel.abs().mean(dim=2)  # two steps of three classes
    columns = torch.stack([by_loss[:, labels == label].mean(dim=1) for label in range(CLASSES)], dim=1)
    expected = (columns[:3] + columns[3:]) / 2
    np.testing.assert_allclose(found["class_matrix"][1], expected, rtol=1e-3)


def test_losses_are_spread_over_the_last_steps():
    options = Options(steps=(500, 800), losses=250, over=500)
    assert times(options, 500, 250) == list(range(499, 0, -2))
    assert times(options, 800, 2) == [799, 549]


def test_a_class_without_examples_has_no_row_and_no_column():
    labels = torch.tensor([0, 2, 2])
    losses = class_losses(Options(steps=(6,), losses=6, over=6), labels, 3)
    assert [(loss.step, loss.examples.tolist()) for loss in losses] == [(6, [0]), (6, [1, 2]), (3, [0]), (3, [1, 2])]
    matrix = class_means(torch.tensor([[1.0, 2, 4], [5, 6, 8], [3, 4, 6], [7, 8, 10]]), labels, 3)
    nan = np.nan
    np.testing.assert_array_equal(matrix, [[2, nan, 4], [nan, nan, nan], [6, nan, 8]])


@pytest.mark.parametrize("recompute", [False, True])
def test_recomputed_states_and_other_groups_of_losses_give_the_same_numbers(train, recompute):
    trained = train()
    one, _, _ = measure(trained)
    other, _, _ = measure(trained, recompute=recompute, at_once=1)
    for name in one:
        np.testing.assert_allclose(other[name], one[name], rtol=1e-4)


def test_losses_and_accuracies_are_those_of_training(train):
    found, _, _ = measure(train(), steps=(6, 20))
    with h5py.File(train()) as file:
        for name in ("train_loss", "train_accuracy"):
            np.testing.assert_array_equal(found[name][:, 1], file[f"history/{name}"][:, 4])


def test_every_example_a_class_of_its_own(train):
    spec = Ensemble(**{**SPEC.__dict__, "own_class": True})
    found, _, _ = measure(train(spec))
    assert "class_matrix" not in found
    options = Options(**OPTIONS)
    by_pixel, _ = unrolled(2, lambda run, _: minibatch_losses(options, run, 20), spec=spec)
    np.testing.assert_allclose(found["sensitivity"][2, 2], PIXEL * by_pixel.abs().mean(dim=(0, 2)), rtol=1e-3)


def test_nan_where_a_member_diverged_or_stopped_before(train):
    trained = train()
    with h5py.File(trained, "r+") as file:
        file["outcome/diverged"][0] = True
        file["outcome/epochs"][1] = 3  # 12 updates
    found, _, _ = measure(trained)
    assert np.isnan(found["gini"]).tolist() == [[True] * 3, [False, False, True], [False] * 3]
    assert np.isnan(found["class_matrix"]).all(axis=(1, 2)).tolist() == [True, True, False]
    assert np.isnan(found["train_loss"]).sum() == 4


def test_the_file_says_how_it_was_made_and_the_log_who_was_measured(train):
    _, attributes, lines = measure(train())
    settings = json.loads(attributes["settings"])
    assert (settings["steps"], settings["losses"], settings["over"]) == ([6, 11, 20], 3, 6)
    assert [f"network {number} of 3" in line for number, line in enumerate(lines)] == [True] * 3


def test_training_that_does_not_come_by_its_checkpoints_is_refused(train):
    trained = train()
    with h5py.File(trained, "r+") as file:
        file["checkpoints/epoch-5/weight0"][1] *= 1.1
    with pytest.raises(ReplayError, match=r"trained\.h5: network 1: the replay is .* away from checkpoint epoch-5"):
        measure(trained)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"steps": ()}, r"steps is \(\); 1 or more are needed"),
        ({"steps": (20, 20)}, "steps: holds a value twice"),
        ({"over": 7}, "over: 7 is more than the 6 steps"),
        ({"losses": 7}, "losses: 7 is more than the last 6 steps"),
        ({"losses": 0}, "losses is 0; it must be at least 1"),
        ({"at_once": 0}, "at_once is 0; it must be at least 1"),
        ({"steps": (6, 37)}, "37 updates are asked for, and training is 36 long"),
    ],
    ids=str,
)
def test_impossible_numbers_are_refused_in_one_line(train, options, line):
    with pytest.raises(ValueError, match=line) as refusal:
        measure(train(), **options)
    assert "\n" not in str(refusal.value)
