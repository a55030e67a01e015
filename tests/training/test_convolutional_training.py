"""The small AlexNet, with its batch norm, through the ensemble trainer."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from plain_alexnet import alexnet, tensors
from problems import spec
from torch.nn import functional

from closerlook import regularizers
from closerlook.nets.alexnet.run import SmallAlexNet
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.regularizers.perturbations import Perturbations
from closerlook.runtime.resume import Sidecar
from closerlook.runtime.streams import generator, stream_seed
from closerlook.spec import Checkpoints, Member
from closerlook.training import limits
from closerlook.training.epoch import Epoch
from closerlook.training.grouping import plan_stacks
from closerlook.training.stack import Problem, Stack
from closerlook.training.trainer import train_ensemble

CLASSES, SHAPE, WIDTHS = 3, (2, 9, 8), (3, 4, 6, 5)
ROOT = Path(__file__).parents[2]


def problem(images, labels, members, validation=10):
    """Return a problem in which all members see the same images, standardised, and the last ones validate."""
    images, labels = torch.as_tensor(images), torch.as_tensor(labels)
    pixel = 1 / images.std()
    images = (images - images.mean()) * pixel
    count = len(images) - validation
    return Problem(
        pool=images[:count],
        rows=torch.arange(count).repeat(members, 1),
        labels=labels[:count].repeat(members, 1),
        is_noise=torch.zeros(members, count, dtype=torch.bool),
        validation_inputs=images[count:],
        validation_labels=labels[count:],
        pixel=pixel.item(),
    )


def made_up(members, examples=40):
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(CLASSES, (examples + 10,), generator=random)
    images = torch.rand(len(labels), *SHAPE, generator=random, dtype=torch.get_default_dtype())
    return problem(images + 0.3 * labels.view(-1, 1, 1, 1), labels, members)


def ensemble(*members, **options):
    return spec(
        *members, **({"examples": 40, "network": "alexnet", "widths": WIDTHS, "batch_size": 16, "epochs": 3} | options)
    )


def stacks(one):
    net = SmallAlexNet(SHAPE, WIDTHS, CLASSES)
    return plan_stacks(one, net.size, net.tape_size(1), "cpu")


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@torch.no_grad()
def test_trains_as_a_plain_pytorch_loop_does(double):
    members = (
        Member(learning_rate=0.05, regularizers={"weight_decay": 0.02}),
        Member(seed=1, learning_rate=0.02, regularizers={"weight_decay": 0.1}),
    )
    one, data = ensemble(*members, epochs=7), made_up(2)  # 7 epochs of 16, 16 and 8 examples: 21 steps
    net = SmallAlexNet(SHAPE, WIDTHS, CLASSES)
    stack = Stack(one, [0, 1], net, CrossEntropy(), data)
    for epoch in range(one.epochs):
        passed = Epoch(stack, epoch)
        for batch in passed.batches:
            passed.step(batch)
    for number, member in enumerate(members):
        start = net.views(net.initialise([stream_seed("weights", member.seed)])[0])
        model = alexnet(SHAPE, WIDTHS, CLASSES)
        for name, tensor in tensors(model).items():
            tensor.copy_(start[name])
        optimiser = torch.optim.SGD(
            model.parameters(),
            lr=member.learning_rate,
            momentum=member.momentum,
            weight_decay=member.strength("weight_decay"),
        )
        for epoch in range(one.epochs):
            order = torch.randperm(one.examples, generator=generator("order", member.seed, epoch))
            for chosen in order.split(one.batch_size):
                optimiser.zero_grad()
                with torch.enable_grad():
                    functional.cross_entropy(model(data.pool[chosen]), data.labels[number, chosen]).backward()
                optimiser.step()
        for name, tensor in tensors(model).items():
            ours = net.views(stack.parameters)[name][number]
            torch.testing.assert_close(ours, tensor.detach(), rtol=1e-9, atol=1e-11, msg=name)


MEMBERS = (
    Member(seed=0),
    Member(seed=1, learning_rate=0.05),
    Member(seed=2, regularizers={"dropout": 0.3, "lass": 0.5}),
    Member(seed=3, learning_rate=0.05, regularizers={"dropout": 0.1, "lass": 0.2}),
)
REGULARISED = ensemble(
    *MEMBERS,
    epochs=5,
    checkpoints=Checkpoints((5,), losses=(0.9,)),
    regularizer_options={"lass": {"radius": 0.05, "step": 0.02, "noise": 0.01, "iterations": 3}},
)


def train(one, sidecar=None, progress=lambda epochs: None):
    net = SmallAlexNet(SHAPE, WIDTHS, CLASSES)
    return train_ensemble(one, net, CrossEntropy(), made_up(len(one.members)), progress, sidecar)


def test_a_member_alone_is_the_member_in_the_stack():
    together = train(REGULARISED)
    assert stacks(REGULARISED) == [[0, 1], [2, 3]]
    for number, member in enumerate(MEMBERS):
        alone = train(
            ensemble(member, **{k: getattr(REGULARISED, k) for k in ("epochs", "checkpoints", "regularizer_options")})
        )
        for name, values in together.arrays().items():
            np.testing.assert_array_equal(alone.arrays()[name][0], values[number], name)


def test_killed_and_gone_on_is_the_same_to_the_bit(tmp_path):
    class Killed(Exception):
        pass

    told = []

    def kill(epochs):
        told.append(epochs)
        if len(told) == 8:  # in the stack that is regularised, after its third epoch
            raise Killed

    lines = []
    sidecar = Sidecar(tmp_path / "trained.resume.h5", {"spec": "s"}, 0.0, lines.append)
    with pytest.raises(Killed):
        train(REGULARISED, sidecar, kill)
    resumed = train(REGULARISED, sidecar)
    assert lines == ["trained.resume.h5: going on after stack 1, epoch 2"]
    for name, values in train(REGULARISED).arrays().items():
        np.testing.assert_array_equal(resumed.arrays()[name], values, name)


def test_weight_decay_and_momentum_leave_running_statistics_alone():
    one = ensemble(
        Member(learning_rate=0.0, regularizers={"weight_decay": 1.0}), epochs=2, checkpoints=Checkpoints((0, 2))
    )
    net = SmallAlexNet(SHAPE, WIDTHS, CLASSES)
    kept = train(one).checkpoints
    before, after = (net.views(torch.from_numpy(kept[name][0])) for name in ("epoch-0", "epoch-2"))
    for name in net.shapes:  # with a learning rate of 0 nothing else can move
        assert torch.equal(before[name], after[name]) == (name in net.trained), name


def test_a_stack_is_bounded_by_what_its_backward_pass_needs(monkeypatch):
    net = SmallAlexNet(SHAPE, WIDTHS, CLASSES)
    one = ensemble(*(Member(seed=seed) for seed in range(6)))
    assert stacks(one) == [[0, 1, 2, 3, 4, 5]]
    monkeypatch.setitem(limits.TAPE_BYTES, "cpu", 2 * 4 * net.tape_size(16))
    assert stacks(one) == [[0, 1], [2, 3], [4, 5]]
    attacked = ensemble(*(Member(seed=seed, regularizers={"lass": 0.5}) for seed in range(6)))
    assert stacks(attacked) == [[0], [1], [2], [3], [4], [5]]


def test_large_maps_have_their_masks_drawn_for_fewer_steps_at_once(monkeypatch):
    net, member = SmallAlexNet(SHAPE, WIDTHS, CLASSES), Member(regularizers={"dropout": 0.5})
    a_step = sum(int(np.prod(site)) for site in net.sites(16))
    monkeypatch.setattr(regularizers, "BLOCK_NUMBERS", 3 * a_step)
    draws = Perturbations([member], net, 0, torch.device("cpu"))
    masks = [draws.next(16).scale[1] for _ in range(7)]
    assert draws.block["dropout", 1].shape[1] == 3
    assert len({mask.numpy().tobytes() for mask in masks}) == 7


def mnist():
    """Return MNIST images of 14 x 14 pixels from 0 to 1, and their labels."""
    path = ROOT / "data" / "mnist.h5"
    if not path.exists():
        pytest.skip("data/mnist.h5 has not been made here")
    with h5py.File(path) as file:
        images, labels = file["train/images"][:500], file["train/labels"][:500]
    return functional.avg_pool2d(torch.from_numpy(images) / 255, 2), labels.astype(np.int64)


def cifar():
    """Return CIFAR-10 images from 0 to 1, and their labels, from a copy that may lie beside the project."""
    path = ROOT.parent / "shared" / "data" / "cifar10_exact_subset.npz"
    if not path.exists():
        pytest.skip("no copy of CIFAR-10 beside the project")
    with np.load(path) as file:
        return torch.from_numpy(file["train_images"][:400]) / 255, file["train_labels"][:400]


@pytest.mark.parametrize(("read", "validated"), [(mnist, 0.7), (cifar, 0.2)], ids=["mnist", "cifar"])
def test_fits_real_images(read, validated):
    images, labels = read()
    data = problem(images, labels, 1, validation=100)
    one = ensemble(
        Member(learning_rate=0.01), examples=len(images) - 100, widths=(8, 8, 32, 16), batch_size=32, epochs=20
    )
    record = train_ensemble(one, SmallAlexNet(tuple(images.shape[1:]), one.widths, 10), CrossEntropy(), data)
    assert record.histories["train_accuracy"][0, -1] > 0.9
    assert record.histories["validation_accuracy"][0, -1] > validated
