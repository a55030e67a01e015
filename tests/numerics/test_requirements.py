"""What is refused before a derivative is asked for; each of these ended in a wrong number or an obscure error."""

import pytest
import torch

from closerlook.measures.curvature import Options
from closerlook.nets.mlp.run import MLP
from closerlook.nets.network import AutogradNetwork
from closerlook.numerics.adjoint import LaterLoss, sensitivities
from closerlook.numerics.hessian import curvature
from closerlook.numerics.requirements import require_problem
from closerlook.objectives.cross_entropy import CrossEntropy

EXAMPLES, CLASSES = 9, 3


class Answering(AutogradNetwork):
    """A linear network of 4 inputs that answers with something else."""

    def __init__(self, answer):
        self.shapes, self.answer = {"weight": (CLASSES, 4)}, answer

    def sites(self, batch):
        return [(batch, 4)]

    def outputs(self, parameters, inputs, perturbation, training):
        return self.answer(inputs @ parameters["weight"].mT)


def problem():
    return {
        "network": Answering(lambda found: found.mT),
        "parameters": torch.randn(1, 4 * CLASSES),
        "inputs": torch.randn(1, EXAMPLES, 4),
        "labels": torch.randint(CLASSES, (1, EXAMPLES)),
    }


REFUSED = {
    "a label to ignore": ({"labels": torch.full((1, EXAMPLES), -100)}, "label -100 is none of the 3 classes, 0 to 2"),
    "a label beyond": ({"labels": torch.full((1, EXAMPLES), 3)}, "label 3 is none of the 3 classes, 0 to 2"),
    "soft labels": ({"labels": torch.zeros(1, EXAMPLES)}, "labels are float32; they must be whole numbers"),
    "no example": ({"labels": torch.zeros(1, 0).long()}, "there is no example"),
    "words": ({"inputs": torch.zeros(1, EXAMPLES, 4).long()}, "inputs are int64, .* what the embedding returns"),
    "other parameters": ({"parameters": torch.zeros(1, 5)}, "there are 5 parameters a member, and the network has 12"),
    "other inputs": ({"inputs": torch.zeros(1, EXAMPLES, 5)}, r"the network fails on one example \(RuntimeError: "),
    "classes last": (
        {"network": Answering(lambda found: found)},
        r"outputs are of shape \(1, 1, 3\), not \(mem",
    ),
    "one number": (
        {"network": Answering(lambda found: found.mean())},
        r"outputs are of shape \(\), not \(mem",
    ),
    "a tuple": ({"network": Answering(lambda found: (found.mT, found))}, "the network fails on one example"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_derivative_is_refused_in_one_line(case):
    change, line = REFUSED[case]
    require_problem(**problem())
    with pytest.raises(ValueError, match=line) as refusal:
        require_problem(**(problem() | change))
    assert str(refusal.value).isprintable()


def test_curvature_refuses_a_label_that_no_loss_counts():
    network = MLP((1, 4, 4), (6, 5), CLASSES)
    labels = torch.tensor([[0, 1, -100]])
    arguments = (network, network.initialise([0]), torch.randn(1, 3, 1, 4, 4), labels, CrossEntropy())
    with pytest.raises(ValueError, match="label -100 is none of the 3 classes"):
        curvature(*arguments, [torch.Generator()], Options())


class Still:
    """A run that stays where it is."""

    def __init__(self, state, batches):
        self.state, self.batches, self.rates = state, batches, [0.1] * len(batches)

    def backwards(self, stop):
        return ((step, self.state) for step in range(stop, -1, -1))


@pytest.mark.parametrize(
    ("batches", "examples", "line"),
    [
        ([[0, 1], [], [2]], [0], "update 1 saw no example"),
        ([[0, 1], [1], [2]], [], "the loss after 3 updates is of no example"),
    ],
)
def test_sensitivities_refuse_an_empty_batch(batches, examples, line):
    network = MLP((1, 4, 4), (6, 5), CLASSES)
    run = Still(network.initialise([0])[0], [torch.tensor(batch).long() for batch in batches])
    losses = [LaterLoss(3, torch.tensor(examples).long())]
    with pytest.raises(ValueError, match=line):
        sensitivities(run, losses, network, CrossEntropy(), torch.randn(3, 1, 4, 4), torch.tensor([0, 1, 2]))


def test_sensitivities_refuse_a_label_that_no_loss_counts():
    network = MLP((1, 4, 4), (6, 5), CLASSES)
    run = Still(network.initialise([0])[0], [torch.tensor([0, 1])])
    losses, labels = [LaterLoss(1, torch.tensor([0]))], torch.tensor([0, -100, 2])
    with pytest.raises(ValueError, match="label -100 is none of the 3 classes"):
        sensitivities(run, losses, network, CrossEntropy(), torch.randn(3, 1, 4, 4), labels)
