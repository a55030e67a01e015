"""The measures' arithmetic, against what torch counts and what their modules do."""

from dataclasses import replace

import pytest
import torch
from test_cost import SPEC, build, counted

from closerlook import measures
from closerlook.measures.curvature import run as curvature_module
from closerlook.nets.mlp import run as mlp
from closerlook.numerics import lass
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.planning import measure_cost
from closerlook.planning.overview import MEASURES
from closerlook.spec import Checkpoints

OPTIONS = {"max_products": 60, "max_probes": 64, "examples": None, "dtype": "float32"}
CRITICAL = {"radius": [0.01], "iterations": 3, "examples": 20, "training_examples": 0, "random_tries": False}


def test_operations_of_hessian_products_are_those_that_torch_counts():
    network, members, vectors = build(SPEC), 2, 3
    operator = network.hessian_operator(
        torch.randn(members, network.size),
        torch.randn(members, SPEC.examples, 1, 14, 14),
        torch.randint(10, (members, SPEC.examples)),
        CrossEntropy(),
    )
    found = counted(lambda: operator(torch.randn(members, vectors, network.size)))
    spec = replace(SPEC, checkpoints=Checkpoints(epochs=(4,)))
    with_products, without = (
        measure_cost.curvature_cost(spec, OPTIONS, products=products).flops for products in (members * vectors, 0)
    )
    assert with_products - without == found


def test_repeated_constants_are_those_of_their_modules():
    assert curvature_module.STACK_BYTES == measure_cost.CURVATURE_STACK_BYTES
    assert mlp.TAPE_BYTES == measure_cost.TAPE_BYTES
    assert (lass.LASS_CHUNK, lass.LASS_TAPE_BYTES) == (measure_cost.LASS_CHUNK, measure_cost.LASS_TAPE_BYTES)


def test_every_measure_has_a_cost():
    assert set(MEASURES) == set(measures.MEASURES.names())


@pytest.mark.parametrize(
    ("change", "factor"),
    [
        ({"radius": [0.01, 0.02]}, 2),
        ({"training_examples": 20}, 2),
        ({"iterations": 6}, 2),
        ({"random_tries": True}, 1.5),
    ],
)
def test_critical_samples_cost_in_proportion(change, factor):
    spec = replace(SPEC, checkpoints=Checkpoints(epochs=(4,)))
    one, more = (measure_cost.critical_samples_cost(spec, CRITICAL | part).flops for part in ({}, change))
    assert more == pytest.approx(factor * one)


def test_every_loss_pays_for_all_the_steps_before_it():
    options = {"steps": [10, 30], "losses": 4, "at_once": 8, "recompute": False, "class_matrix": False}
    one, twice = (measure_cost.sensitivity_cost(SPEC, options | {"losses": losses}).flops for losses in (4, 8))
    late = measure_cost.sensitivity_cost(SPEC, options | {"steps": [30]}).flops
    early = measure_cost.sensitivity_cost(SPEC, options | {"steps": [10]}).flops
    replay = 2 * 30 * SPEC.batch_size * (6 * 196 * 24 - 2 * 196 * 24 + 6 * (24 * 16 + 160))
    assert twice - one == one - replay
    assert late - replay == 3 * (early - replay / 3)
