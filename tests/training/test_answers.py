"""What the trainer records of single examples, and batches drawn with replacement."""

import dataclasses

import h5py
import numpy as np
import torch
from problems import CLASSES, SIDE, problem, spec

from closerlook import store
from closerlook.nets.mlp.run import MLP
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.runtime.streams import generator
from closerlook.spec import Answers, Checkpoints, Member
from closerlook.training.epoch import Epoch
from closerlook.training.stack import Stack
from closerlook.training.trainer import train_ensemble

NETWORK = MLP((1, SIDE, SIDE), (8, 6), CLASSES)
ASKING = spec(
    Member(learning_rate=0.1), Member(seed=3, learning_rate=0.02),
    answers=Answers((1, 5, 7, 20), 13), checkpoints=Checkpoints((1, 4)),
)  # fmt: skip


def test_answers_are_those_of_the_network_at_that_step():
    data = problem(2)
    record = train_ensemble(ASKING, NETWORK, CrossEntropy(), data)
    for look, checkpoint in ((1, "epoch-1"), (3, "epoch-4")):  # five updates an epoch
        outputs, _ = NETWORK.forward(torch.from_numpy(record.checkpoints[checkpoint]), data.inputs(data.rows))
        right = (outputs.argmax(dim=1) == data.labels)[:, :13].numpy()
        assert 0 < right.sum() < right.size
        np.testing.assert_array_equal(np.unpackbits(record.answers[:, look], axis=1, count=13), right)


def test_asking_changes_nothing_in_the_training():
    quiet = dataclasses.replace(ASKING, answers=Answers())
    asked, plain = (train_ensemble(one, NETWORK, CrossEntropy(), problem(2)) for one in (ASKING, quiet))
    for name in asked.checkpoints:
        np.testing.assert_array_equal(asked.checkpoints[name], plain.checkpoints[name])


def test_answers_reach_the_file_with_the_labels_asked_about(tmp_path):
    record = train_ensemble(ASKING, NETWORK, CrossEntropy(), problem(2))
    record.write(tmp_path / "trained.h5", {}, "cpu")
    with store.read(tmp_path / "trained.h5", "trained") as file:
        assert file["answers/step"][:].tolist() == [1, 5, 7, 20]
        np.testing.assert_array_equal(file["answers/correct"][:], record.answers)
        np.testing.assert_array_equal(file["answers/labels"][:], problem(2).labels[:, :13])


def test_without_a_step_there_is_no_group(tmp_path):
    train_ensemble(spec(), NETWORK, CrossEntropy(), problem(1)).write(tmp_path / "trained.h5", {}, "cpu")
    with h5py.File(tmp_path / "trained.h5") as file:
        assert "answers" not in file


def test_with_replacement_every_batch_is_full_and_drawn_from_all_examples():
    one = spec(Member(seed=2), with_replacement=True)
    stack = Stack(one, [0], NETWORK, CrossEntropy(), problem(1))
    epoch = Epoch(stack, 1)
    assert epoch.order.shape == (1, 25)  # 5 batches of 5 for 24 examples
    expected = torch.randint(24, (25,), generator=generator("order", 2, 1))
    torch.testing.assert_close(epoch.order[0], expected)
    assert epoch.batches == [slice(start, start + 5) for start in range(0, 25, 5)]
