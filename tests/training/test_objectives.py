import torch

from closerlook.training.objectives import CrossEntropy

OUTPUTS = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
TARGETS = torch.tensor([[0, 3, 1], [2, 2, 0]])


def test_gradient_is_the_derivative_of_the_losses():
    outputs = OUTPUTS.clone().requires_grad_()
    CrossEntropy().losses(outputs, TARGETS).sum().backward()
    torch.testing.assert_close(CrossEntropy().gradient(OUTPUTS, TARGETS), outputs.grad)


def test_hessian_product_is_the_derivative_of_the_gradient():
    directions = torch.randn(OUTPUTS.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    _, expected = torch.autograd.functional.jvp(lambda z: z.softmax(dim=1), OUTPUTS, directions)
    torch.testing.assert_close(CrossEntropy().hessian_product(OUTPUTS, TARGETS, directions), expected)


def test_losses_of_confident_outputs_stay_finite():
    outputs = torch.tensor([[[1e4], [-1e4]]])
    assert CrossEntropy().losses(outputs, torch.tensor([[1]])).item() == 2e4
    assert CrossEntropy().correct(outputs, torch.tensor([[0]])).all()
