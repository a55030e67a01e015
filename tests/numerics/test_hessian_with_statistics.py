"""Curvature of a network with batch norm: of its trained parameters, in evaluation, against dense Hessians."""

import numpy as np
import pytest
import torch

from closerlook.measures.curvature import Options
from closerlook.nets.alexnet.run import SmallAlexNet
from closerlook.numerics.hessian import curvature
from closerlook.objectives.cross_entropy import CrossEntropy

NETWORK = SmallAlexNet((1, 6, 6), (2, 2, 4, 3), 3)
OBJECTIVE = CrossEntropy()


@pytest.fixture(scope="module")
def case():
    """Two members with running statistics away from 0 and 1, and images in which classes can be told apart in part."""
    generator = torch.Generator().manual_seed(0)
    parameters = NETWORK.initialise([0, 1]).double()
    parameters += 0.3 * torch.rand(parameters.shape, generator=generator, dtype=torch.float64)
    targets = torch.randint(3, (2, 30), generator=generator)
    inputs = torch.randn(2, 30, 1, 6, 6, generator=generator, dtype=torch.float64)
    inputs[..., 2, 2] += targets.unsqueeze(2)
    return parameters, inputs, targets


def dense(parameters, inputs, targets):
    """Return a member's Hessian by the trained parameters, the others being given."""
    trained = torch.cat(
        [torch.full(shape, float(name in NETWORK.trained)).flatten() for name, shape in NETWORK.shapes.items()]
    ).bool()

    def loss(moved):
        outputs = NETWORK.differentiable_outputs(parameters.masked_scatter(trained, moved)[None], inputs[None])
        return OBJECTIVE.losses(outputs, targets[None]).mean()

    return torch.autograd.functional.hessian(loss, parameters[trained])


def test_agrees_with_the_dense_hessian(case):
    generators = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    effort = Options(tolerance=1e-6, trace_tolerance=0.05, max_probes=400)
    result = curvature(NETWORK, *case, OBJECTIVE, generators, effort=effort)
    hessians = torch.stack([dense(*member) for member in zip(*case, strict=True)])
    assert result.largest.converged.all()
    torch.testing.assert_close(result.largest.eigenvalue, torch.linalg.eigvalsh(hessians)[:, -1], rtol=1e-6, atol=0)
    truths = hessians.diagonal(dim1=1, dim2=2).sum(dim=1), torch.linalg.matrix_norm(hessians)
    for estimate, truth in zip((result.trace, result.frobenius), truths, strict=True):
        assert ((estimate.estimate - truth).abs() <= 4 * estimate.stderr + 1e-9).all()
        assert (estimate.stderr <= 0.05 * estimate.estimate).all()


def test_eigenvectors_do_not_move_statistics(case):
    generators = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    vectors = curvature(NETWORK, *case, OBJECTIVE, generators, Options()).largest.vector
    for name, part in NETWORK.views(vectors).items():
        assert (part.abs().max() < 1e-12) == (name in NETWORK.statistics), name
    np.testing.assert_allclose(vectors.norm(dim=1), 1, rtol=1e-9)
