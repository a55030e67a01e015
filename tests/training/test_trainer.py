"""The ensemble trainer against torch's own modules and optimiser, and against itself in other company."""

import math

import numpy as np
import pytest
import torch
from problems import CLASSES, SIDE, problem, spec
from torch.nn import functional

from closerlook.nets.mlp.run import MLP
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.runtime.streams import generator, stream_seed
from closerlook.spec import Checkpoints, Member, Schedule
from closerlook.training import limits
from closerlook.training.epoch import Epoch
from closerlook.training.grouping import plan_stacks
from closerlook.training.stack import Stack
from closerlook.training.trainer import train_ensemble


def network(widths=(8, 6)):
    return MLP((1, SIDE, SIDE), widths, CLASSES)


def train(one, data=None, **options):
    net = network(one.widths)
    return train_ensemble(one, net, CrossEntropy(), data or problem(len(one.members), one.examples), **options)


def reference(one, number, data):
    """Train one member as a user of PyTorch would: modules, torch.optim.SGD, a loop over batches."""
    member, net = one.members[number], network(one.widths)
    flat = net.initialise([stream_seed("weights", member.seed)])
    layers, modules = net.views(flat[0]), []
    for depth in range(net.depth):
        weight = layers[f"weight{depth}"]
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
        linear.weight.data, linear.bias.data = weight.clone(), layers[f"bias{depth}"].clone()
        modules += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(torch.nn.Flatten(), *modules[:-1])
    optimiser = torch.optim.SGD(
        model.parameters(),
        lr=member.learning_rate,
        momentum=member.momentum,
        weight_decay=member.strength("weight_decay"),
    )
    losses = []
    for epoch in range(one.epochs):
        for group in optimiser.param_groups:
            group["lr"] = member.learning_rate * one.learning_rate_schedule.factor(epoch)
        batch = round(one.batch_size * one.batch_size_schedule.factor(epoch))
        order = torch.randperm(one.examples, generator=generator("order", member.seed, epoch))
        for chosen in order.split(batch):
            optimiser.zero_grad()
            functional.cross_entropy(model(data.pool[chosen]), data.labels[number, chosen]).backward()
            optimiser.step()
        with torch.no_grad():
            losses.append(functional.cross_entropy(model(data.pool), data.labels[number]).item())
    return losses


def test_agrees_with_a_plain_pytorch_loop_member_by_member():
    one = spec(
        Member(seed=0, learning_rate=0.1),
        Member(seed=1, learning_rate=0.02, momentum=0.5),
        Member(seed=1, learning_rate=0.1, regularizers={"weight_decay": 0.05}),
        Member(seed=2, learning_rate=0.05, momentum=0.0),
        epochs=5,
    )
    data = problem(4)
    record = train(one, data)
    for number in range(4):
        np.testing.assert_allclose(record.histories["train_loss"][number], reference(one, number, data), rtol=2e-5)


def test_schedules_of_learning_rate_and_batch_size_act_from_their_epoch():
    # With a constant velocity unit a changed rate also rescales what momentum carries, as in torch.optim.SGD only
    # without momentum; there the two must agree.
    one = spec(
        Member(learning_rate=0.1, momentum=0.0),
        epochs=5,
        learning_rate_schedule=Schedule({2: 0.1}),
        batch_size_schedule=Schedule({3: 2.0}),
    )
    data = problem(1)
    np.testing.assert_allclose(train(one, data).histories["train_loss"][0], reference(one, 0, data), rtol=2e-5)


def test_rescaled_velocity_is_torch_momentum_across_a_change_of_rate():
    one = spec(Member(learning_rate=0.05), epochs=5, learning_rate_schedule=Schedule({2: 0.2, 4: 2.0}))
    data = problem(1)
    np.testing.assert_allclose(train(one, data).histories["train_loss"][0], reference(one, 0, data), rtol=2e-5)


MIXED = (
    Member(seed=0, learning_rate=0.1),
    Member(seed=1, learning_rate=0.1),
    Member(seed=2, learning_rate=0.03, regularizers={"dropout": 0.3}),
    Member(seed=3, learning_rate=0.1, regularizers={"input_dropout": 0.2}),
    Member(seed=4, learning_rate=0.1, regularizers={"dropout": 0.6}),
    Member(seed=5, regularizers={"input_noise": 0.5, "hidden_noise": 0.1}),
    Member(seed=6, learning_rate=0.1, regularizers={"adversarial": 0.1}),
)


@pytest.mark.parametrize("widths", [(8, 6), (100, 40)])
def test_a_member_does_not_depend_on_who_else_is_in_the_ensemble(widths):
    options = {"widths": widths, "epochs": 9, "evaluate_every": 2, "checkpoints": Checkpoints((4,), losses=(0.9, 0.4))}
    together = train(spec(*MIXED, **options))
    for number, member in enumerate(MIXED):
        alone = train(spec(member, **options))
        for name, values in alone.arrays().items():
            np.testing.assert_array_equal(values[0], together.arrays()[name][number], f"{name} of {member}")
        np.testing.assert_array_equal(
            alone.checkpoints["epoch-4"][0], together.checkpoints["epoch-4"][number], str(member)
        )
        np.testing.assert_array_equal(
            alone.histories["validation_loss"][0], together.histories["validation_loss"][number], str(member)
        )


def test_dropping_members_that_are_done_leaves_the_others_as_they_were():
    members = (
        Member(seed=0, learning_rate=0.05),
        Member(seed=1, learning_rate=1e-4),
        Member(seed=2, learning_rate=0.03),
    )
    with_drops = train(spec(*members, epochs=40, after_fit=0))
    without = train(spec(*members, epochs=40))
    assert with_drops.epochs[0] < 40, "the fast member should have been dropped"
    for number in range(3):
        last = with_drops.epochs[number]
        for name in ("train_loss", "validation_accuracy"):
            np.testing.assert_array_equal(
                with_drops.histories[name][number, :last], without.histories[name][number, :last]
            )
            assert np.isnan(with_drops.histories[name][number, last:]).all()


def test_chunking_into_stacks_changes_nothing(monkeypatch):
    members = tuple(Member(seed=seed, learning_rate=0.1) for seed in range(5))
    whole = train(spec(*members))
    monkeypatch.setitem(limits.CACHE_BYTES, "cpu", 1)
    one_by_one = train(spec(*members))
    np.testing.assert_array_equal(whole.histories["train_loss"], one_by_one.histories["train_loss"])


def test_stacks_hold_members_of_one_kind_and_bounded_size(monkeypatch):
    members = tuple(Member(seed=seed, regularizers={"dropout": 0.5 * (seed % 2)}) for seed in range(10))
    one, net = spec(*members), network()
    monkeypatch.setitem(limits.CACHE_BYTES, "cpu", 3 * 8 * net.size)
    stacks = plan_stacks(one, net.size, net.tape_size(1), "cpu")
    assert sorted(number for numbers in stacks for number in numbers) == list(range(10))
    assert max(map(len, stacks)) <= 3
    assert all(len({tuple(one.members[number].regularizers) for number in numbers}) == 1 for numbers in stacks)


def test_checkpoints_are_the_states_that_they_name():
    one = spec(
        Member(learning_rate=0.05),
        Member(seed=1, learning_rate=0.03),
        epochs=60,
        checkpoints=Checkpoints((0, 3), True, (0.5, 0.05)),
    )
    data, net = problem(2), network()
    record = train(one, data)
    np.testing.assert_array_equal(
        record.checkpoints["epoch-0"], net.initialise([stream_seed("weights", seed) for seed in (0, 1)]).numpy()
    )
    for name in ("epoch-3", "fit", "loss-0.5", "loss-0.05"):
        outputs, _ = net.forward(torch.from_numpy(record.checkpoints[name]), data.inputs(data.rows))
        loss = functional.cross_entropy(outputs, data.labels, reduction="none").mean(1)
        np.testing.assert_allclose(record.checkpoint_loss[name], loss, rtol=1e-5)
        if name == "fit":
            assert (outputs.argmax(1) == data.labels).all()
            assert (record.checkpoint_epoch["fit"] == record.fit_epoch).all()
        if name.startswith("loss"):
            target = float(name.removeprefix("loss-"))
            assert (record.checkpoint_loss[name] <= target).all()


@pytest.mark.parametrize("every", [1, 7])
def test_a_loss_checkpoint_does_not_overshoot_far(every):
    one = spec(
        Member(learning_rate=0.05, momentum=0.0),
        epochs=300,
        evaluate_every=every,
        checkpoints=Checkpoints(losses=(0.6, 0.2)),
    )
    record = train(one)
    assert record.checkpoint_loss["loss-0.6"][0] == pytest.approx(0.6, rel=0.1)
    assert record.checkpoint_loss["loss-0.2"][0] == pytest.approx(0.2, rel=0.1)


def test_looking_within_epochs_does_not_change_the_training():
    quiet, looking = (
        train(spec(Member(learning_rate=0.1), epochs=20, checkpoints=Checkpoints(losses=losses)))
        for losses in ((), (0.5, 0.1))
    )
    np.testing.assert_array_equal(quiet.histories["train_loss"], looking.histories["train_loss"])


def test_histories_split_clean_and_corrupted_examples():
    is_noise = torch.zeros(2, 24, dtype=torch.bool)
    is_noise[1, :6] = True
    one, data = spec(Member(), Member(seed=1)), problem(2, is_noise=is_noise)
    record = train(one, data)
    clean, noise, whole = (record.histories[f"train_accuracy{part}"] for part in ("_clean", "_noise", ""))
    assert np.isnan(noise[0]).all(), "a member without noise has no accuracy on it"
    np.testing.assert_allclose(clean[0], whole[0])
    np.testing.assert_allclose((18 * clean[1] + 6 * noise[1]) / 24, whole[1], rtol=1e-6)


def test_a_diverged_member_is_recorded_and_dropped_and_the_others_go_on():
    sane, wild = Member(seed=0, learning_rate=0.1), Member(seed=1, learning_rate=1e6)
    record = train(spec(sane, wild, epochs=6, checkpoints=Checkpoints((6,))))
    assert record.diverged.tolist() == [False, True]
    assert record.epochs[1] < 6
    assert np.isnan(record.checkpoints["epoch-6"][1]).all()
    alone = train(spec(sane, epochs=6, checkpoints=Checkpoints((6,))))
    np.testing.assert_array_equal(record.checkpoints["epoch-6"][0], alone.checkpoints["epoch-6"][0])


def test_evaluating_less_often_leaves_gaps_and_the_same_values():
    often, seldom = (train(spec(Member(), epochs=5, evaluate_every=every)) for every in (1, 2))
    np.testing.assert_array_equal(np.isnan(seldom.histories["train_loss"][0]), [True, False, True, False, False])
    np.testing.assert_array_equal(
        often.histories["train_loss"][0, [1, 3, 4]], seldom.histories["train_loss"][0, [1, 3, 4]]
    )


def test_progress_counts_every_member_epoch_even_when_members_stop_early():
    done = []
    one = spec(Member(learning_rate=0.05), Member(seed=1, learning_rate=0.03), epochs=50, after_fit=1)
    record = train(one, progress=done.append)
    assert record.epochs.max() < 50
    assert sum(done) == 2 * 50


def test_weights_are_glorot_uniform_and_depend_on_the_seed_alone():
    net = network((400,))
    first, again, other = net.initialise([5, 5, 6])
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    weight, bound = net.views(first)["weight0"], math.sqrt(6 / (16 + 400))
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.03)
    assert not net.views(first)["bias0"].any()


def test_members_of_one_seed_share_start_and_order_whatever_their_noise():
    one = spec(Member(seed=1, noise="none"), Member(seed=1, noise="randY", level=1.0), Member(seed=2))
    stack = Stack(one, [0, 1, 2], network(), CrossEntropy(), problem(3))
    epoch = Epoch(stack, 0)
    assert torch.equal(stack.parameters[0], stack.parameters[1])
    assert torch.equal(epoch.rows[0], epoch.rows[1])
    assert not torch.equal(stack.parameters[0], stack.parameters[2])
    assert not torch.equal(epoch.rows[0], epoch.rows[2])
