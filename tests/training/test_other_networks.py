"""Architectures without hand-written derivatives go through the same trainer: a convolutional net, defined here."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from problems import CLASSES, SIDE, problem, spec
from torch import nn
from torch.nn import functional

from closerlook.nets.mlp import MLP
from closerlook.nets.network import AutogradNetwork
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.runtime.streams import generator, stream_seed
from closerlook.spec import Checkpoints, Member
from closerlook.training.trainer import train_ensemble

FILTERS = 3


class Convolution(AutogradNetwork):
    """3 x 3 filters, ReLU, a dense layer; a loop over members, as the documentation's example has it."""

    def __init__(self):
        self.shapes = {"filters": (FILTERS, 1, 3, 3), "dense": (CLASSES, FILTERS * SIDE * SIDE), "bias": (CLASSES,)}

    def sites(self, batch):
        return [(batch, 1, SIDE, SIDE), (batch, FILTERS, SIDE, SIDE)]

    def outputs(self, parameters, inputs, perturbation, training):
        if perturbation is not None:
            inputs = perturbation.apply(0, inputs)
        hidden = torch.stack(
            [functional.conv2d(x, w, padding=1).relu() for x, w in zip(inputs, parameters["filters"], strict=True)]
        )
        if perturbation is not None:
            hidden = perturbation.apply(1, hidden)
        return torch.baddbmm(parameters["bias"].unsqueeze(2), parameters["dense"], hidden.flatten(2).transpose(1, 2))


class AutogradMLP(AutogradNetwork):
    """The MLP's own forward pass, but differentiated by autograd."""

    def __init__(self, widths):
        self.twin = MLP((1, SIDE, SIDE), widths, CLASSES)
        self.shapes = self.twin.shapes

    def sites(self, batch):
        return self.twin.sites(batch)

    def outputs(self, parameters, inputs, perturbation, training):
        flat = torch.cat([parameters[name].flatten(1) for name in self.shapes], dim=1)
        return self.twin.forward(flat, inputs, perturbation)[0]


def test_a_convolutional_network_trains_as_a_plain_pytorch_loop_trains_it():
    one, net = (
        spec(Member(learning_rate=0.05), Member(seed=1, learning_rate=0.01, regularizers={"weight_decay": 0.1})),
        Convolution(),
    )
    data = problem(2)
    record = train_ensemble(one, net, CrossEntropy(), data)
    for number, member in enumerate(one.members):
        start = net.views(net.initialise([stream_seed("weights", member.seed)])[0])
        model = nn.Sequential(
            nn.Conv2d(1, FILTERS, 3, padding=1, bias=False),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(FILTERS * SIDE**2, CLASSES),
        )
        with torch.no_grad():
            for parameter, name in zip(model.parameters(), ("filters", "dense", "bias"), strict=True):
                parameter.copy_(start[name])
        optimiser = torch.optim.SGD(
            model.parameters(), lr=member.learning_rate, momentum=0.9, weight_decay=member.strength("weight_decay")
        )
        for epoch in range(one.epochs):
            order = torch.randperm(one.examples, generator=generator("order", member.seed, epoch))
            for chosen in order.split(one.batch_size):
                optimiser.zero_grad()
                functional.cross_entropy(model(data.pool[chosen]), data.labels[number, chosen]).backward()
                optimiser.step()
        loss = functional.cross_entropy(model(data.pool), data.labels[number]).item()
        assert record.histories["train_loss"][number, -1] == pytest.approx(loss, rel=2e-5)


@pytest.mark.parametrize(
    "member",
    [
        Member(learning_rate=0.05),
        Member(regularizers={"dropout": 0.4, "weight_decay": 0.01}),
        Member(regularizers={"input_dropout": 0.2}),
        Member(regularizers={"input_noise": 0.3, "hidden_noise": 0.2}),
        Member(regularizers={"adversarial": 0.1}),
        Member(regularizers={"lass": 0.5, "dropout": 0.2}),
    ],
    ids=["plain", "dropout", "input dropout", "noise", "adversarial", "lass with dropout"],
)
def test_hand_written_and_automatic_derivatives_train_alike_under_every_regularizer(member):
    one = spec(member, Member(**(vars(member) | {"seed": 1})), checkpoints=Checkpoints((4,)))
    by_hand, automatic = (
        train_ensemble(one, net, CrossEntropy(), problem(2)).checkpoints["epoch-4"]
        for net in (MLP((1, SIDE, SIDE), one.widths, CLASSES), AutogradMLP(one.widths))
    )
    np.testing.assert_allclose(by_hand, automatic, atol=2e-5)


def test_dropout_reaches_the_hidden_units_of_a_convolutional_network():
    plain, dropped = (
        train_ensemble(
            spec(Member(regularizers={"dropout": share})), Convolution(), CrossEntropy(), problem(1)
        ).histories["train_loss"]
        for share in (0.0, 0.5)
    )
    assert not np.array_equal(plain, dropped)


@pytest.fixture(scope="module")
def documented():
    """Return the networks that the documentation writes down."""
    text = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
    section = re.search(r"^## A network\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)[1]
    names = {"math": math, "AutogradNetwork": AutogradNetwork}
    for block in re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE):
        exec(block, names)
    return names


def test_the_documented_network_fits_its_linear_teacher(documented):
    net = documented["Linear"]((1, SIDE, SIDE), (), CLASSES)
    one = spec(Member(learning_rate=0.1), Member(learning_rate=0.1, regularizers={"input_noise": 0.1}), epochs=60)
    assert (train_ensemble(one, net, CrossEntropy(), problem(2)).histories["train_accuracy"][:, -1] == 1).all()


def test_the_documented_statistics_move_with_the_batches_and_serve_evaluation(documented):
    net, data = documented["Centred"]((1, SIDE, SIDE), (), CLASSES), problem(1)
    one = spec(Member(regularizers={"weight_decay": 0.5}), batch_size=24, epochs=2, checkpoints=Checkpoints((2,)))
    record = train_ensemble(one, net, CrossEntropy(), data)
    parts = net.views(torch.from_numpy(record.checkpoints["epoch-2"][0]))
    images = data.pool.flatten(1)
    torch.testing.assert_close(parts["running_mean"], (0.1 + 0.9 * 0.1) * images.mean(dim=0))
    outputs = (images - parts["running_mean"]) @ parts["weight"].T + parts["bias"]
    loss = functional.cross_entropy(outputs, data.labels[0]).item()
    assert record.histories["train_loss"][0, -1] == pytest.approx(loss, rel=1e-5)
