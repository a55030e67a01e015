"""The measures' arithmetic, against what torch counts and what their modules do."""

from dataclasses import replace

import pytest
import torch
from test_cost import SPEC, build, counted

from closerlook.measures import MEASURES, curvature
from closerlook.measures.declaration import Measure
from closerlook.nets.mlp import run as mlp
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.planning.cost import loaded_bytes, measuring_cost
from closerlook.spec import Checkpoints

KEPT = replace(SPEC, checkpoints=Checkpoints(epochs=(4,)))
CRITICAL = {"radius": (0.01,), "iterations": 3, "examples": 20, "training_examples": 0, "random_tries": False}


def flops(measure, spec, **options):
    return measuring_cost(measure, [spec], options).flops


def test_operations_of_hessian_products_are_those_that_torch_counts():
    network, members, vectors = build(SPEC), 2, 3
    operator = network.hessian_operator(
        torch.randn(members, network.size),
        torch.randn(members, SPEC.examples, 1, 14, 14),
        torch.randint(10, (members, SPEC.examples)),
        CrossEntropy(),
    )
    found = counted(lambda: operator(torch.randn(members, vectors, network.size)))
    # Of each of both members as many more products as the options allow more.
    more, fewer = (flops("curvature", KEPT, max_products=2 + each, max_probes=2) for each in (vectors, 0))
    assert more - fewer == found


def test_repeated_constants_are_those_of_their_modules():
    assert mlp.TAPE_BYTES == curvature.MLP_TAPE_BYTES


def test_a_measure_that_does_not_tell_its_cost_is_not_estimated(monkeypatch):
    monkeypatch.setattr(curvature, "measure", Measure(options=curvature.Options, writes={}))
    assert measuring_cost("curvature", [KEPT], None) is None


@pytest.mark.parametrize("measure", MEASURES.names())
def test_a_job_has_its_data_in_memory_and_on_a_gpu_the_work_is_there(measure):
    options = {"steps": (10,), "over": 10, "losses": 4} if measure == "sensitivity" else None
    cpu, cuda = (measuring_cost(measure, [KEPT], options, device) for device in ("cpu", "cuda"))
    assert cpu.memory > loaded_bytes(KEPT)
    assert cpu.gpu_memory == 0 < cuda.gpu_memory


@pytest.mark.parametrize(
    ("change", "factor"),
    [
        ({"radius": (0.01, 0.02)}, 2),
        ({"training_examples": 20}, 2),
        ({"iterations": 6}, 2),
        ({"random_tries": True}, 1.5),
    ],
)
def test_critical_samples_cost_in_proportion(change, factor):
    one, more = (flops("critical_samples", KEPT, **(CRITICAL | part)) for part in ({}, change))
    assert more == pytest.approx(factor * one)


def test_every_loss_pays_for_all_the_steps_before_it():
    options = {"steps": (10, 30), "losses": 4, "over": 8, "at_once": 8, "recompute": False, "class_matrix": False}
    one, twice = (flops("sensitivity", SPEC, **(options | {"losses": losses})) for losses in (4, 8))
    late = flops("sensitivity", SPEC, **(options | {"steps": (30,)}))
    early = flops("sensitivity", SPEC, **(options | {"steps": (10,)}))
    replay = 2 * 30 * SPEC.batch_size * (6 * 196 * 24 - 2 * 196 * 24 + 6 * (24 * 16 + 160))
    assert twice - one == one - replay
    assert late - replay == 3 * (early - replay / 3)
