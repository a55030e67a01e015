"""The same code on a GPU: agrees with the CPU, and gives the same bytes twice."""

import numpy as np
import pytest
import torch

from closerlook.nets.alexnet.run import SmallAlexNet
from closerlook.nets.mlp.run import MLP
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.runtime.device import device_name, prepare_device
from closerlook.spec import Checkpoints, Ensemble, Member
from closerlook.training.stack import Problem
from closerlook.training.trainer import train_ensemble

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")

PLAIN = (
    Member(seed=0),
    Member(seed=1, learning_rate=0.05, regularizers={"weight_decay": 0.01}),
    Member(seed=1, momentum=0.0),
)
REGULARISED = (
    Member(seed=0, regularizers={"dropout": 0.5}),
    Member(seed=1, regularizers={"input_noise": 0.5}),
    Member(seed=2, regularizers={"adversarial": 0.1}),
    Member(seed=3, regularizers={"lass": 0.5, "dropout": 0.1}),
)
NETWORK = MLP((1, 14, 14), (64, 32), 10)
CONVOLUTIONAL = SmallAlexNet((1, 14, 14), (8, 8, 32, 16), 10)


def train(members, device, network=NETWORK):
    spec = Ensemble(
        dataset="mnist",
        image_size=14,
        examples=500,
        validation_examples=100,
        network="mlp",
        widths=(64, 32),
        batch_size=32,
        epochs=5,
        members=members,
        checkpoints=Checkpoints((5,), losses=(1.0,)),
    )
    generator = torch.Generator().manual_seed(0)
    data = Problem(
        pool=torch.randn(500, 1, 14, 14, generator=generator),
        rows=torch.arange(500).repeat(len(members), 1),
        labels=torch.randint(10, (500,), generator=generator).repeat(len(members), 1),
        is_noise=torch.zeros(len(members), 500, dtype=torch.bool),
        validation_inputs=torch.randn(100, 1, 14, 14, generator=generator),
        validation_labels=torch.randint(10, (100,), generator=generator),
        pixel=2.0,
    )
    moved = Problem(**{key: value.to(device) if torch.is_tensor(value) else value for key, value in vars(data).items()})
    return train_ensemble(spec, network, CrossEntropy(), moved)


@pytest.fixture(scope="module")
def cuda():
    return prepare_device(1)


def test_the_device_is_named(cuda):
    assert cuda.type == "cuda"
    assert device_name(cuda) == torch.cuda.get_device_name(0)


def test_training_agrees_with_the_cpu(cuda):
    gpu, cpu = train(PLAIN, cuda), train(PLAIN, torch.device("cpu"))
    for name in ("train_loss", "validation_loss"):
        np.testing.assert_allclose(gpu.histories[name], cpu.histories[name], rtol=1e-4)
    np.testing.assert_allclose(gpu.checkpoints["epoch-5"], cpu.checkpoints["epoch-5"], atol=1e-4)


def test_convolutional_gradients_and_statistics_agree_with_the_cpu(cuda):
    generator, objective, results = torch.Generator().manual_seed(0), CrossEntropy(), []
    inputs = torch.randn(2, 20, 1, 14, 14, generator=generator, dtype=torch.float64)
    targets = torch.randint(10, (2, 20), generator=generator)
    for device in (cuda, torch.device("cpu")):
        parameters, labels = CONVOLUTIONAL.initialise([0, 1]).double().to(device), targets.to(device)
        outputs, tape = CONVOLUTIONAL.forward(parameters, inputs.to(device), None, True)
        gradient = torch.zeros_like(parameters)
        CONVOLUTIONAL.backward(tape, objective.gradient(outputs, labels), CONVOLUTIONAL.views(gradient))
        CONVOLUTIONAL.update_statistics(parameters, tape)
        results.append((gradient.cpu(), parameters.cpu()))
    for gpu, cpu in zip(*results, strict=True):
        torch.testing.assert_close(gpu, cpu, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("network", [NETWORK, CONVOLUTIONAL], ids=["mlp", "alexnet"])
@pytest.mark.parametrize("members", [PLAIN, REGULARISED], ids=["plain", "regularised"])
def test_two_runs_give_the_same_bytes(cuda, members, network):
    first, second = train(members, cuda, network), train(members, cuda, network)
    np.testing.assert_array_equal(first.checkpoints["epoch-5"], second.checkpoints["epoch-5"])
    np.testing.assert_array_equal(first.histories["validation_loss"], second.histories["validation_loss"])
