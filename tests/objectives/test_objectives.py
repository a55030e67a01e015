import pytest
import torch
from problems import CLASSES, SIDE, problem, spec
from torch.autograd.functional import hvp
from torch.func import grad

from closerlook.nets.mlp.run import MLP
from closerlook.objectives import OBJECTIVES
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.objectives.offset import OffsetLikelihood
from closerlook.spec import Member
from closerlook.things import use
from closerlook.training.trainer import train_ensemble

OUTPUTS = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
TARGETS = torch.tensor([[0, 3, 1], [2, 2, 0]])
objectives = pytest.mark.parametrize(
    "objective", [OBJECTIVES[name] for name in OBJECTIVES.names()], ids=OBJECTIVES.names()
)


def total(objective):
    return lambda outputs: objective.losses(outputs, TARGETS).sum()


@objectives
def test_gradient_is_the_derivative_of_the_losses(objective):
    torch.testing.assert_close(objective.gradient(OUTPUTS, TARGETS), grad(total(objective))(OUTPUTS))


@objectives
def test_hessian_product_is_the_second_derivative_of_the_losses(objective):
    directions = torch.randn(OUTPUTS.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    _, expected = hvp(total(objective), OUTPUTS, directions)
    torch.testing.assert_close(objective.hessian_product(OUTPUTS, TARGETS, directions), expected)


@objectives
def test_losses_of_confident_outputs_stay_finite(objective):
    outputs = torch.tensor([[[1e4], [-1e4]]])
    assert objective.losses(outputs, torch.tensor([[1]])).isfinite().all()
    assert objective.correct(outputs, torch.tensor([[0]])).all()


def test_cross_entropy_is_in_nats():
    assert CrossEntropy().losses(torch.tensor([[[1e4], [-1e4]]]), torch.tensor([[1]])).item() == 2e4


def test_the_offset_loss_is_the_original_scripts():
    probabilities = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    loss = OffsetLikelihood().losses(probabilities.log().view(1, 3, 1), torch.tensor([[1]]))
    one_hot = torch.tensor([0.0, 1.0, 0.0])
    torch.testing.assert_close(loss.squeeze(), -(one_hot * (0.1 + probabilities).log()).mean())


@pytest.mark.parametrize("product", [False, True], ids=["gradient", "hessian"])
def test_a_fitted_example_keeps_its_relative_precision_in_float32(product):
    outputs = torch.zeros(1, 4, 1)
    outputs[0, 0] = 18.0  # 1 - p = 5e-8: below what float32 can tell from 1
    directions = torch.tensor([0.3, -1.0, 2.0, 0.5]).view(1, 4, 1)

    def derivative(kind):
        arguments = (outputs.to(kind), torch.tensor([[0]]), *([directions.to(kind)] if product else []))
        return getattr(OffsetLikelihood(), "hessian_product" if product else "gradient")(*arguments)

    exact = derivative(torch.float64)
    torch.testing.assert_close(derivative(torch.float32).double(), exact, rtol=1e-5, atol=0)


OWN = '''"""Squared distance of the softmax from the one-hot label (Brier, 1950)."""

from closerlook.objectives.cross_entropy import CrossEntropy


class Brier(CrossEntropy):
    def losses(self, outputs, targets):
        labelled = outputs.softmax(dim=1).gather(1, targets.unsqueeze(1)).squeeze(1)
        return outputs.softmax(dim=1).square().sum(dim=1) - 2 * labelled + 1

    def gradient(self, outputs, targets):
        softmax = outputs.softmax(dim=1)
        part = 2 * softmax
        part.scatter_add_(1, targets.unsqueeze(1), torch.full_like(part[:, :1], -2.0))
        return softmax * (part - (part * softmax).sum(dim=1, keepdim=True))


objective = Brier()
'''


def test_an_objective_from_an_own_folder_is_trained_with(tmp_path):
    (tmp_path / "objectives").mkdir()
    (tmp_path / "objectives" / "brier.py").write_text(OWN.replace("from closerlook", "import torch\nfrom closerlook"))
    use([tmp_path])
    try:
        assert set(OBJECTIVES.names()) == {"brier", "cross_entropy", "offset"}
        assert OBJECTIVES.summary("brier") == "Squared distance of the softmax from the one-hot label (Brier, 1950)."
        own = OBJECTIVES["brier"]
        torch.testing.assert_close(own.gradient(OUTPUTS, TARGETS), grad(total(own))(OUTPUTS))
        ensemble, net = spec(Member(learning_rate=0.05), epochs=40), MLP((1, SIDE, SIDE), (8, 6), CLASSES)
        losses = train_ensemble(ensemble, net, own, problem(1)).histories["train_loss"][0]
        assert losses[-1] < 0.8 * losses[0]
    finally:
        use([])
