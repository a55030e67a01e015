"""Curvature of networks against dense Hessians, closed forms and curvlinops."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from closerlook.measures.curvature import Options
from closerlook.nets.mlp.run import MLP
from closerlook.nets.network import AutogradNetwork, Network
from closerlook.numerics.hessian import curvature
from closerlook.objectives.cross_entropy import CrossEntropy

OBJECTIVE = CrossEntropy()
EXACT = Options(tolerance=1e-6, trace_tolerance=0.05, max_probes=400)


class TinyConvolution(AutogradNetwork):
    """Two filters of 3 x 3, tanh, then a linear layer: a network that only has its outputs written down."""

    def __init__(self):
        self.shapes = {"filter": (2, 1, 3, 3), "weight": (3, 8)}

    def sites(self, batch):
        return [(batch, 1, 4, 4)]

    def outputs(self, parameters, inputs, perturbation, training):
        members, batch = inputs.shape[:2]
        images = inputs.transpose(0, 1).reshape(batch, members, 4, 4)
        hidden = functional.conv2d(images, parameters["filter"].flatten(0, 1), groups=members).tanh()
        return parameters["weight"] @ hidden.unflatten(1, (members, 2)).flatten(2).permute(1, 2, 0)


NETWORKS = {
    "mlp": MLP((1, 4, 4), (6, 5), 3),
    "linear": MLP((1, 4, 4), (), 3),
    "convolution": TinyConvolution(),
}


def problem(network, members=3, examples=40, dtype=torch.float64, seed=0):
    """Return stacked parameters, inputs and targets in which the classes can be told apart in part."""
    generator = torch.Generator().manual_seed(seed)
    parameters = torch.randn(members, network.size, generator=generator, dtype=dtype) / 2
    targets = torch.randint(3, (members, examples), generator=generator)
    inputs = torch.randn(members, examples, 1, 4, 4, generator=generator, dtype=dtype)
    inputs[..., 0, 0, 0] += targets
    return parameters, inputs, targets


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def dense_hessians(network, parameters, inputs, targets):
    """Return every member's Hessian by autograd through the loss, without any of the code under test."""

    def loss(flat, member):
        outputs = network.differentiable_outputs(flat[None], inputs[member : member + 1])
        return OBJECTIVE.losses(outputs, targets[member : member + 1]).mean()

    return torch.stack(
        [
            torch.autograd.functional.hessian(lambda flat, m=member: loss(flat, m), row)
            for member, row in enumerate(parameters)
        ]
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_agrees_with_the_dense_hessian(name):
    network = NETWORKS[name]
    arguments = problem(network)
    dense = dense_hessians(network, *arguments)
    result = curvature(network, *arguments, OBJECTIVE, generators(0, 1, 2), effort=EXACT)
    assert result.largest.converged.all()
    torch.testing.assert_close(result.largest.eigenvalue, torch.linalg.eigvalsh(dense)[:, -1], rtol=1e-6, atol=0)
    for estimate, truth in (
        (result.trace, dense.diagonal(dim1=1, dim2=2).sum(dim=1)),
        (result.frobenius, torch.linalg.matrix_norm(dense)),
    ):
        assert ((estimate.estimate - truth).abs() <= 4 * estimate.stderr + 1e-9).all()
        assert (estimate.stderr <= 0.05 * estimate.estimate).all()


def test_agrees_with_the_closed_form_of_softmax_regression():
    network = NETWORKS["linear"]
    parameters, inputs, targets = problem(network, members=1)
    design = torch.cat([inputs[0].flatten(1), torch.ones(40, 1, dtype=torch.float64)], dim=1)
    weight, bias = network.views(parameters[0]).values()
    chances = (design @ torch.cat([weight, bias[:, None]], dim=1).T).softmax(dim=1)
    blocks = torch.diag_embed(chances) - chances[:, :, None] * chances[:, None, :]
    hessian = torch.einsum("ncd,ni,nj->cidj", blocks, design, design).reshape(51, 51) / 40
    result = curvature(network, parameters, inputs, targets, OBJECTIVE, generators(0), effort=EXACT)
    assert result.largest.eigenvalue.item() == pytest.approx(torch.linalg.eigvalsh(hessian)[-1].item(), rel=1e-6)
    assert abs(result.trace.estimate.item() - hessian.trace()) <= 4 * result.trace.stderr.item()
    assert abs(result.frobenius.estimate.item() - hessian.norm()) <= 4 * result.frobenius.stderr.item()
    assert result.loss.item() == pytest.approx(-chances.log()[torch.arange(40), targets[0]].mean().item())


@pytest.mark.filterwarnings("ignore")  # those of curvlinops and what it imports are not ours to mend
def test_agrees_with_curvlinops():
    curvlinops = pytest.importorskip("curvlinops")
    from scipy.sparse.linalg import eigsh

    network = NETWORKS["mlp"]
    parameters, inputs, targets = problem(network, members=1)
    layers = [torch.nn.Linear(fan_in, fan_out).double() for fan_in, fan_out in ((16, 6), (6, 5), (5, 3))]
    module = torch.nn.Sequential(torch.nn.Flatten(), layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
    for theirs, ours in zip(module.parameters(), network.views(parameters[0]).values(), strict=True):
        theirs.data.copy_(ours)
    # Batches of 25 and 15: the mean over all examples must come out, not the mean of the batches' means.
    batches = [(inputs[0, :25], targets[0, :25]), (inputs[0, 25:], targets[0, 25:])]
    operator = curvlinops.HessianLinearOperator(
        module, torch.nn.CrossEntropyLoss(), [p for p in module.parameters() if p.requires_grad], batches
    )
    (theirs,) = eigsh(operator.to_scipy(), k=1, which="LA", return_eigenvectors=False, tol=1e-8)
    dense = operator @ torch.eye(network.size, dtype=torch.float64)
    result = curvature(network, parameters, inputs, targets, OBJECTIVE, generators(0), effort=EXACT)
    assert result.largest.eigenvalue.item() == pytest.approx(theirs, rel=1e-6)
    assert abs(result.trace.estimate.item() - dense.trace()) <= 4 * result.trace.stderr.item()


@pytest.mark.parametrize("name", ["mlp", "convolution"])
def test_a_member_does_not_notice_who_else_is_in_the_stack(name):
    network = NETWORKS[name]
    parameters, inputs, targets = problem(network, members=5, dtype=torch.float32)
    together = curvature(network, parameters, inputs, targets, OBJECTIVE, generators(*range(5)), Options())
    for member in range(5):
        one = slice(member, member + 1)
        alone = curvature(network, parameters[one], inputs[one], targets[one], OBJECTIVE, generators(member), Options())
        # The random numbers are the same to the bit; matrix kernels round by where a member lies in memory.
        for part in ("largest", "trace", "frobenius"):
            ours, theirs = vars(getattr(alone, part)), vars(getattr(together, part))
            for field in ours.keys() - {"vector"}:
                torch.testing.assert_close(
                    ours[field], theirs[field][one], rtol=2e-5, atol=2e-6, msg=f"{part}.{field} of {member}"
                )
        # The sign of an eigenvector means nothing.
        assert abs(alone.largest.vector[0] @ together.largest.vector[member]) > 1 - 1e-5


def test_a_diverged_member_gets_nan_and_changes_no_bit_of_the_others():
    network = NETWORKS["mlp"]
    parameters, inputs, targets = problem(network, members=3)
    healthy = [0, 2]
    apart = curvature(
        network, parameters[healthy], inputs[healthy], targets[healthy], OBJECTIVE, generators(0, 2), effort=EXACT
    )
    parameters[1, 3] = torch.nan
    result = curvature(network, parameters, inputs, targets, OBJECTIVE, generators(0, 1, 2), effort=EXACT)
    for estimate in (result.largest.eigenvalue, result.largest.residual, result.trace.estimate, result.loss):
        assert estimate[1].isnan()
    assert not result.largest.converged[1]
    assert result.largest.products[1] == result.trace.probes[1] == 0
    assert torch.equal(result.largest.eigenvalue[healthy], apart.largest.eigenvalue)
    assert torch.equal(result.frobenius.estimate[healthy], apart.frobenius.estimate)


def test_parameters_that_overflow_get_nan():
    network = NETWORKS["mlp"]
    parameters, inputs, targets = problem(network, members=2, dtype=torch.float32)
    parameters[0] *= 1e25
    result = curvature(network, parameters, inputs, targets, OBJECTIVE, generators(0, 1), Options())
    assert result.largest.eigenvalue.isnan().tolist() == [True, False]
    assert result.trace.estimate.isnan().tolist() == [True, False]


def test_a_stack_of_diverged_members_is_all_nan():
    network = NETWORKS["mlp"]
    parameters, inputs, targets = problem(network, members=2)
    result = curvature(network, parameters * torch.nan, inputs, targets, OBJECTIVE, generators(0, 1), Options())
    assert result.largest.eigenvalue.isnan().all()
    assert result.frobenius.estimate.isnan().all()


def test_dead_networks_without_gradient_have_no_curvature():
    network = NETWORKS["mlp"]
    parameters, inputs, targets = problem(network, members=1)
    views = network.views(parameters)
    views["bias0"].fill_(-1e3)
    views["bias2"].copy_(torch.tensor([1e3, 0.0, 0.0]))
    result = curvature(network, parameters, inputs, torch.zeros_like(targets), OBJECTIVE, generators(0), Options())
    assert result.largest.eigenvalue.item() == pytest.approx(0, abs=1e-12)
    assert result.largest.converged.all()
    assert result.trace.estimate.item() == result.frobenius.estimate.item() == 0


def test_a_warm_start_spends_fewer_products_and_finds_the_same():
    network = MLP((1, 4, 4), (24, 24), 3)
    parameters, inputs, targets = problem(network, members=8, examples=100)
    fine = Options(tolerance=1e-5)
    cold = curvature(network, parameters, inputs, targets, OBJECTIVE, generators(*range(8)), effort=fine)
    moved = parameters * 1.0002
    again = curvature(network, moved, inputs, targets, OBJECTIVE, generators(*range(8, 16)), effort=fine)
    warm = curvature(
        network, moved, inputs, targets, OBJECTIVE, generators(*range(8, 16)), start=cold.largest.vector, effort=fine
    )
    torch.testing.assert_close(warm.largest.eigenvalue, again.largest.eigenvalue, rtol=2e-5, atol=0)
    assert warm.largest.products.sum() < 0.8 * again.largest.products.sum()


def test_a_missing_row_of_the_warm_start_falls_back_to_the_gradient():
    network = NETWORKS["mlp"]
    arguments = problem(network, members=2)
    cold = curvature(network, *arguments, OBJECTIVE, generators(0, 1), effort=EXACT)
    start = torch.stack([torch.full((network.size,), torch.nan), torch.zeros(network.size)])
    result = curvature(network, *arguments, OBJECTIVE, generators(0, 1), start=start, effort=EXACT)
    assert torch.equal(result.largest.eigenvalue, cold.largest.eigenvalue)


def test_the_adversarial_start_does_not_hide_the_largest_eigenvalue():
    network = MLP((1, 4, 4), (24, 24), 3)
    parameters, inputs, targets = problem(network, members=4, examples=100)
    values, vectors = torch.linalg.eigh(dense_hessians(network, parameters, inputs, targets))
    second = vectors[:, :, -2]
    missed = 0
    for seed in range(5):
        draws = generators(*(10 * seed + member for member in range(4)))
        result = curvature(network, parameters, inputs, targets, OBJECTIVE, draws, Options(), start=second)
        missed += int((result.largest.eigenvalue < values[:, -1] * (1 - 2e-3)).sum())
    # A guard, not a proof: 2 of 96 got past it on networks of 43 018 parameters with this exact worst case.
    assert missed <= 1


def test_the_hand_written_product_and_autograd_give_the_same_curvature(monkeypatch):
    network = NETWORKS["mlp"]
    arguments = problem(network)
    by_hand = curvature(network, *arguments, OBJECTIVE, generators(0, 1, 2), effort=EXACT)
    monkeypatch.setattr(MLP, "hessian_operator", Network.hessian_operator)
    by_autograd = curvature(network, *arguments, OBJECTIVE, generators(0, 1, 2), effort=EXACT)
    np.testing.assert_allclose(by_hand.trace.estimate, by_autograd.trace.estimate, rtol=1e-9)
    np.testing.assert_allclose(by_hand.largest.eigenvalue, by_autograd.largest.eigenvalue, rtol=1e-9)
