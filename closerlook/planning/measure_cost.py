"""What the measures of an ensemble cost, told before they run; see `closerlook.planning.cost` for the units.

Upper bounds as well: all checkpoints reached, all products spent, no sample found critical before the last iteration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from closerlook.planning.cost import (
    CUDA_DEVICE_BYTES,
    CUDA_HOST_BYTES,
    DATASET_BYTES,
    HDF5_BYTES,
    TORCH_BYTES,
    Cost,
    DeviceKind,
    loaded_bytes,
)
from closerlook.planning.sizes import network_size
from closerlook.spec import Ensemble

# What the modules named here do, repeated because they import torch; tests/test_measure_cost.py holds the two together.
CURVATURE_STACK_BYTES = 2**24  # measures.curvature, on a CPU
TAPE_BYTES = 2**33  # nets.mlp
LASS_CHUNK, LASS_TAPE_BYTES = 512, 2**28  # nets.lass


def curvature_cost(
    spec: Ensemble, options: Mapping[str, Any], device: DeviceKind = "cpu", products: int | None = None
) -> Cost:
    """Return what measuring the curvature of an ensemble's checkpoints costs.

    Parameters
    ----------
    spec : Ensemble
        The ensemble that was trained.
    options : mapping
        The options of the measure, as `closerlook.planning.plan.Plan.measure` returns them.
    device : {"cpu", "cuda"}
        Where. On a GPU the measure fills 2/5 of the free memory; `gpu_memory` is what one network at a time needs.
    products : int, optional
        Hessian products that were spent in all; None: as many as `options` allow.

    Notes
    -----
    A product takes 6 multiply-adds a weight and example, 2 in the first layer (Pearlmutter 1994, see `nets.mlp`).
    Lanczos' own vector work is left out: below 5 % from 1000 examples on.
    """
    size = network_size(spec)
    first, weights, parameters = size.first, size.products, size.parameters
    examples = options["examples"] or spec.examples
    itemsize = 8 if options["dtype"] == "float64" else 4
    names = len(spec.checkpoints.names())
    most = options["max_products"] + options["max_probes"]
    pairs = names * len(spec.members)
    spent = pairs * most if products is None else products
    hidden = size.sites - size.inputs
    work = itemsize * examples * (2 * size.inputs + 6 * hidden)
    vectors = itemsize * parameters * 2 * options["max_products"]
    networks = min(max(1, CURVATURE_STACK_BYTES // work), len(spec.members)) if device == "cpu" else 1
    tape = 4 * itemsize * hidden * examples * networks
    recomputed = 1 + (tape > TAPE_BYTES) / 3
    flops = examples * (spent * recomputed * (12 * weights - 8 * first) + pairs * (6 * weights - 2 * first))
    working = networks * (min(work, 2 * TAPE_BYTES) + vectors)
    memory = TORCH_BYTES + loaded_bytes(spec) + networks * 4 * parameters
    disk = HDF5_BYTES + len(spec.to_json()) + names * 10 * (DATASET_BYTES + 8 * len(spec.members))
    steps = math.ceil(spent / networks)
    if device == "cpu":
        return Cost(flops, steps, memory + working, 0, disk)
    return Cost(flops, steps, memory + CUDA_HOST_BYTES, CUDA_DEVICE_BYTES + working, disk)


def critical_samples_cost(spec: Ensemble, options: Mapping[str, Any], device: DeviceKind = "cpu") -> Cost:
    """Return what searching critical samples at an ensemble's checkpoints costs; parameters as of `curvature_cost`.

    Notes
    -----
    An iteration takes 4 operations a weight and sample, forward and back to the input; a random try takes 2.
    """
    size = network_size(spec)
    validation, training = options["examples"] or spec.validation_examples, options["training_examples"]
    names, radii, iterations = len(spec.checkpoints.names()), len(options["radius"]), options["iterations"]
    searched, tried = validation + training, validation * options["random_tries"]
    searches = len(spec.members) * names * radii
    flops = searches * iterations * (4 * searched + 2 * tried) * size.products
    steps = searches * iterations * ((math.ceil(searched / LASS_CHUNK)) + math.ceil(tried / LASS_CHUNK))
    tape = min(LASS_CHUNK * 4 * size.tape, LASS_TAPE_BYTES)
    working = 4 * (size.parameters + 4 * max(validation, training) * size.inputs) + 2 * tape
    columns = 2 + options["random_tries"] + (training > 0)
    disk = HDF5_BYTES + len(spec.to_json()) + names * columns * (DATASET_BYTES + 4 * radii * len(spec.members))
    memory = TORCH_BYTES + loaded_bytes(spec)
    if device == "cpu":
        return Cost(float(flops), steps, memory + working, 0, disk)
    return Cost(float(flops), steps, memory + CUDA_HOST_BYTES, CUDA_DEVICE_BYTES + working, disk)


def sensitivity_cost(spec: Ensemble, options: Mapping[str, Any], device: DeviceKind = "cpu") -> Cost:
    """Return what measuring the sensitivity to training inputs costs; parameters as of `curvature_cost`.

    Notes
    -----
    Every loss is carried back from its step to the first one. A step back takes 5 multiply-adds a weight and example
    of the batch (2 forward, 3 back), 4 in the first layer, whose derivative goes to the inputs as well.
    """
    size = network_size(spec)
    members, last, batch = len(spec.members), max(options["steps"]), spec.batch_size
    classes = size.classes if options["class_matrix"] and not spec.own_class else 0
    carried = options["losses"] * sum(options["steps"]) + classes * last
    replayed = last * (2 if options["recompute"] else 1)
    flops = (
        members
        * batch
        * (carried * 2 * (5 * size.products - size.first) + replayed * (6 * size.products - 2 * size.first))
    )
    together = min(options["at_once"], options["losses"] * len(options["steps"]) + classes)
    states = 2 * math.isqrt(last) if options["recompute"] else last
    accumulated = together * 4 * (spec.examples * size.inputs + 3 * size.parameters)
    working = accumulated + states * 4 * size.parameters * members
    examples = len(options["steps"]) * (spec.examples + 4)
    file = HDF5_BYTES // 2 + (5 + bool(classes)) * DATASET_BYTES  # half: it is the one file without groups
    disk = file + len(spec.to_json()) + members * (4 * examples + 8 * classes**2)
    memory = TORCH_BYTES + loaded_bytes(spec)
    steps = members * math.ceil(carried / together)
    if device == "cpu":
        return Cost(float(flops), steps, memory + working, 0, disk)
    return Cost(float(flops), steps, memory + CUDA_HOST_BYTES, CUDA_DEVICE_BYTES + working, disk)
