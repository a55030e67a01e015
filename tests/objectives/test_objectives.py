import pytest
import torch
from torch.autograd.functional import hvp
from torch.func import grad

from closerlook.objectives.losses import OBJECTIVES, CrossEntropy, OffsetLikelihood

OUTPUTS = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
TARGETS = torch.tensor([[0, 3, 1], [2, 2, 0]])
objectives = pytest.mark.parametrize("objective", [kind() for kind in OBJECTIVES.values()], ids=list(OBJECTIVES))


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
