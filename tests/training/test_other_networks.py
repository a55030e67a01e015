"""Architectures without hand-written derivatives go through the same trainer: a convolutional net, defined here."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from problems import CLASSES, SIDE, problem, spec
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from closerlook import nets
from closerlook.nets import NETS
from closerlook.nets.mlp.run import MLP
from closerlook.nets.network import AutogradNetwork
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.runtime.streams import generator, stream_seed
from closerlook.spec import Checkpoints, Member
from closerlook.things import use
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


@pytest.fixture
def documented(tmp_path):
    """Take an own folder into use that has the networks which the documentation writes down."""
    folder = tmp_path
    text = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
    section = re.search(r"^## A network\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)[1]
    for name, code in re.findall(r"^```python\n# (\S+)\n(.*?)^```", section, re.DOTALL | re.MULTILINE):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(code)
    use([folder / "own"])
    yield folder
    use([])


def own(one):
    return nets.build(one, (1, SIDE, SIDE), CLASSES)


def test_the_documented_network_is_one_of_the_room_and_fits_its_linear_teacher(documented):
    assert set(NETS.names()) == {"alexnet", "centred", "mlp", "residual"}
    members = Member(learning_rate=0.02), Member(learning_rate=0.02, regularizers={"input_noise": 0.1})
    one = spec(*members, network="residual", widths=(8,), epochs=60)
    record = train_ensemble(one, own(one), CrossEntropy(), problem(2))
    assert (record.histories["train_accuracy"][:, -1] == 1).all()


def test_the_sizes_of_the_documented_network_are_those_that_torch_counts(documented):
    one = spec(Member(), network="residual", widths=(7,))
    net, size = own(one), nets.structure(one, (1, SIDE, SIDE), CLASSES)
    assert size.parameters == net.size == 16 * 7 + 7 + 4 * (49 + 7) + 7 * 3 + 3
    assert size.sites == 16 + 3 * 7
    assert size.tape == net.tape_size(1) == 16 + 5 * 7
    with FlopCounterMode(display=False) as counter:
        net.forward(net.initialise([0]), torch.randn(1, 5, 1, SIDE, SIDE))
    assert counter.get_total_flops() == 2 * 5 * size.products


def test_the_documented_networks_options_count(documented):
    shape = (1, SIDE, SIDE)
    blocks = NETS["residual"].options(blocks=3)
    net = NETS.run("residual").build(shape, nets.widths("residual", 7, blocks), CLASSES, blocks)
    assert len(net.sites(2)) == 5
    assert net.forward(net.initialise([0, 1]), torch.randn(2, 5, *shape))[0].shape == (2, CLASSES, 5)


def test_the_documented_statistics_move_with_the_batches_and_serve_evaluation(documented):
    one = spec(
        Member(regularizers={"weight_decay": 0.5}),
        network="centred",
        widths=(),
        batch_size=24,
        epochs=2,
        checkpoints=Checkpoints((2,)),
    )
    net, data = own(one), problem(1)
    record = train_ensemble(one, net, CrossEntropy(), data)
    parts = net.views(torch.from_numpy(record.checkpoints["epoch-2"][0]))
    images = data.pool.flatten(1)
    torch.testing.assert_close(parts["running_mean"], (0.1 + 0.9 * 0.1) * images.mean(dim=0))
    outputs = (images - parts["running_mean"]) @ parts["weight0"].T + parts["bias0"]
    loss = functional.cross_entropy(outputs, data.labels[0]).item()
    assert record.histories["train_loss"][0, -1] == pytest.approx(loss, rel=1e-5)


def test_a_network_of_which_there_is_none_or_that_fails_is_named_in_a_line(documented):
    with pytest.raises(ValueError, match="no network 'vgg'; there are: alexnet, centred, mlp, residual"):
        own(spec(network="vgg"))
    (documented / "own" / "nets" / "broken").mkdir()
    (documented / "own" / "nets" / "broken" / "__init__.py").write_text("import nothing_of_the_kind")
    use([documented / "own"])
    with pytest.raises(ValueError, match=r"broken: cannot be used .ModuleNotFoundError"):
        own(spec(network="broken"))
    assert own(spec()).size, "the others stand"


def test_a_perceptron_with_another_forward_pass_is_refused_for_its_derivatives_would_be_wrong():
    with pytest.raises(TypeError, match="Tanh: changes forward of an MLP"):

        class Tanh(MLP):
            def forward(self, parameters, inputs, perturbation=None, training=False):
                return super().forward(parameters, inputs.tanh(), perturbation, training)

    class Scaled(MLP):
        def _fill(self, name, view, generator):
            view.fill_(0.5)

    assert (Scaled((1, 2, 2), (3,), 2).initialise([0]) == 0.5).all()
