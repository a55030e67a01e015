"""What a job costs, told before it runs: floating-point operations, steps, memory and disk.

Counted from the specification alone, without torch or data: the scheduler asks for every job, `make plan` for all.
What a measure does is told by the measure itself (`closerlook.measures`); here the rest of its job is added.
Every number is for networks that train all their epochs and measures that spend all they may, so an estimate is what to
reserve; runs that stop early cost less. 1 FLOP is one addition or multiplication.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from closerlook.data.noise import NOISES
from closerlook.data.sets import SETS
from closerlook.measures import MEASURES
from closerlook.measures.declaration import ENSEMBLE
from closerlook.measures.options import options_from
from closerlook.optimizers import OPTIMIZERS
from closerlook.planning.sizes import network_size
from closerlook.regularizers import BLOCK, BLOCK_NUMBERS, REGULARIZERS, options_of
from closerlook.spec import Ensemble, Member
from closerlook.training.grouping import growth, most_examples, plan_stacks
from closerlook.training.limits import CHUNK_BYTES, MOST_LOOKS

DeviceKind = Literal["cpu", "cuda"]

TORCH_BYTES = 260 * 10**6
"""A process that has imported torch and h5py, resident, as measured."""
NUMPY_BYTES = 120 * 10**6
"""The same without torch."""
CUDA_HOST_BYTES = 3 * 10**9
"""What CUDA's libraries take of the host's memory. A rule of thumb, not measured."""
CUDA_DEVICE_BYTES = 10**9
"""A CUDA context and cuBLAS's workspace on the GPU. A rule of thumb, not measured."""
HDF5_BYTES = 4096
"""Superblock and root of an HDF5 file."""
DATASET_BYTES = 450
"""Header of a small HDF5 dataset with its share of the group's index, as measured."""


@dataclass(frozen=True)
class Cost:
    """What a job costs on a device.

    `flops`: operations in matrix products; `steps`: optimiser steps or Hessian products, each of a whole stack, which
    carry a fixed cost; `memory`, `gpu_memory`: bytes at their peak; `disk`: bytes of the result. While a job runs, its
    resume file takes as much again and the state of a stack.
    """

    flops: float
    steps: int
    memory: int
    gpu_memory: int
    disk: int


def training_cost(spec: Ensemble, device: DeviceKind = "cpu", epochs: Sequence[int] | None = None) -> Cost:
    """Return what training an ensemble costs.

    Parameters
    ----------
    spec : Ensemble
        What is trained.
    device : {"cpu", "cuda"}
        Where: a GPU takes more networks in a stack, hence fewer steps.
    epochs : sequence of int, optional
        Epochs that each member trains; None: all of them. For comparing with what was really run.
    """
    epochs = [spec.epochs] * len(spec.members) if epochs is None else epochs
    stacks = training_stacks(spec, device)
    lengths = Counter(max(epochs[number] for number in stack) for stack in stacks)
    steps = sum(count * _steps(spec, length) for length, count in lengths.items())
    flops = sum(_member_flops(spec, member, count) for member, count in zip(spec.members, epochs, strict=True))
    networks = max(map(len, stacks))
    loaded, record = loaded_bytes(spec), _record_bytes(spec)
    # A job that goes on from its resume file has the record twice for a moment, and a stack's state on its way to disk.
    memory = TORCH_BYTES + loaded + 2 * record + networks * _state_bytes(spec)
    working = _stack_bytes(spec, networks, device)
    if device == "cpu":
        return Cost(flops, steps, memory + working, 0, _trained_bytes(spec))
    gpu_memory = CUDA_DEVICE_BYTES + _device_data_bytes(spec) + working
    return Cost(flops, steps, memory + CUDA_HOST_BYTES, gpu_memory, _trained_bytes(spec))


def measuring_cost(name: str, specs: Sequence[Ensemble], options: Any, device: DeviceKind = "cpu") -> Cost | None:
    """Return what a job of a measure costs, None if the measure does not tell.

    Parameters
    ----------
    name : str
        The measure.
    specs : sequence of Ensemble
        What is measured: one ensemble, or all of an experiment.
    options : Options or mapping
        The measure's options.
    device : {"cpu", "cuda"}
        Where.
    """
    measure = MEASURES[name]
    if measure.cost is None:
        return None
    options, sizes = options_from(measure.options, options), [network_size(spec) for spec in specs]
    over = (specs[0], sizes[0]) if measure.over == ENSEMBLE else (specs, sizes)
    work = measure.cost(*over, options, device)
    names = {checkpoint for spec in specs for checkpoint in spec.checkpoints.names()}
    arrays = sum(len(names) if "{" in column else 1 for column in measure.writes)
    header = HDF5_BYTES if any("/" in column for column in measure.writes) else HDF5_BYTES // 2
    disk = header + sum(len(spec.to_json()) for spec in specs) + arrays * DATASET_BYTES + work.disk
    memory = TORCH_BYTES + sum(map(loaded_bytes, specs))
    if device == "cpu":
        return Cost(work.flops, work.steps, memory + work.memory, 0, disk)
    return Cost(work.flops, work.steps, memory + CUDA_HOST_BYTES, CUDA_DEVICE_BYTES + work.memory, disk)


def together(costs: Sequence[Cost]) -> Cost:
    """Return the cost of one job that does what several do."""
    return Cost(*(sum(getattr(cost, part) for cost in costs) for part in Cost.__dataclass_fields__))


def noise_cost(dataset: str, image_size: int, examples: int, seeds: int, noise: str) -> Cost:
    """Return what drawing the corrupted training sets of one kind of noise costs; one thread of a CPU, always.

    Parameters
    ----------
    dataset : str
        A thing of `closerlook.data.sets`.
    image_size, examples, seeds, noise
        As for `closerlook.data.corruption.write_noise`.
    """
    pixels = SETS[dataset].image_shape[0] * image_size**2
    replaces = NOISES[noise].replaces
    clean = 4 * examples * pixels if replaces else 0
    inputs = 4 * examples * pixels if replaces == "inputs" else 0
    labels = examples if replaces == "labels" else 0
    disk = HDF5_BYTES + seeds * (9 * examples + labels + inputs + 3 * DATASET_BYTES)
    # Shifting and scaling; the drawing itself is counted as ten operations a number.
    flops = seeds * inputs / 4 * 12
    return Cost(flops, seeds, NUMPY_BYTES + 2 * _data_bytes(dataset) + clean + 2 * inputs, 0, disk)


def training_stacks(spec: Ensemble, device: DeviceKind) -> list[list[int]]:
    """Return the ensemble's member numbers, grouped into the stacks of a device."""
    size = network_size(spec)
    return plan_stacks(spec, size.parameters, size.tape, device)


def _state_bytes(spec: Ensemble) -> int:
    """Return the bytes of one network's parameters and of what the optimiser remembers of them."""
    return 4 * (1 + OPTIMIZERS[spec.optimizer].state) * network_size(spec).parameters


def _batch_sizes(spec: Ensemble, epochs: int) -> Counter[int]:
    """Return how many of the first epochs use each batch size."""
    return Counter(map(spec.batch_size_in, range(epochs)))


def _steps(spec: Ensemble, epochs: int) -> int:
    return sum(count * math.ceil(spec.examples / size) for size, count in _batch_sizes(spec, epochs).items())


def _member_flops(spec: Ensemble, member: Member, epochs: int) -> float:
    """Return the operations of one network: forward 2 a weight and example, backward 4, none to the inputs."""
    size = network_size(spec)
    step = OPTIMIZERS[spec.optimizer].passes * (6 * size.products - 2 * size.first)
    work = sum(REGULARIZERS[name].work(options_of(spec, name)) for name in member.regularizers)
    per_example = growth(member) * step + work * size.products
    looks = MOST_LOOKS * (1 + len(spec.checkpoints.losses)) if spec.checkpoints.losses else 0
    evaluations = math.ceil(epochs / spec.evaluate_every)
    evaluated = (evaluations + looks) * spec.examples + evaluations * spec.validation_examples
    evaluated += len(spec.answers.steps) * spec.answers.asked
    return float(epochs * spec.examples * per_example + evaluated * 2 * size.products)


def _data_bytes(dataset: str) -> int:
    """Return the bytes of the official training images, as they are read whole."""
    source = SETS[dataset]
    return (source.training + source.validation) * math.prod(source.image_shape)


def _pool_bytes(spec: Ensemble) -> int:
    """Return the bytes of every distinct input of the ensemble, validation included (see `closerlook.data.loading`)."""
    seeds = {spec.data_seed(member) for member in spec.members}
    clean = min(SETS[spec.dataset].training, len(seeds) * spec.examples)
    highest: dict[tuple[str, int], float] = {}
    for member in spec.members:
        if NOISES[member.noise].replaces == "inputs":
            key = member.noise, spec.data_seed(member)
            highest[key] = max(highest.get(key, 0.0), member.level)
    validation = min(SETS[spec.dataset].validation, len(seeds) * spec.validation_examples)
    noise = sum(math.ceil(level * spec.examples) for level in highest.values())
    return 4 * network_size(spec).inputs * (clean + noise + validation)


def loaded_bytes(spec: Ensemble) -> int:
    """Return the bytes on the host while an ensemble's data are loaded: rows and labels are there twice for a while."""
    return _data_bytes(spec.dataset) + _pool_bytes(spec) + 2 * _row_bytes(spec)


def _row_bytes(spec: Ensemble) -> int:
    """Return the bytes of rows, labels and noise flags, and of the validation rows."""
    return len(spec.members) * (17 * spec.examples + 8 * spec.validation_examples)


def _device_data_bytes(spec: Ensemble) -> int:
    return _pool_bytes(spec) + _row_bytes(spec)


def _stack_bytes(spec: Ensemble, networks: int, device: DeviceKind) -> int:
    """Return the bytes that a stack works on: parameters, velocities, this epoch's order, activations."""
    size, batch = network_size(spec), most_examples(spec)
    parameters = 2 * _state_bytes(spec)  # twice while members are dropped
    activations = 4 * batch * (size.tape + 3 * size.sites + 4 * size.classes)
    perturbed = any(REGULARIZERS[name].perturbs for name in spec.regularizers)
    draws = 2 * 4 * min(BLOCK * batch * size.sites, max(BLOCK_NUMBERS, batch * size.sites)) if perturbed else 0
    order = 3 * 8 * spec.examples
    return networks * (parameters + activations + draws + order) + 2 * CHUNK_BYTES[device]


def _record_bytes(spec: Ensemble) -> int:
    """Return the bytes of histories and checkpoints, in memory as in the file."""
    kept = len(spec.checkpoints.names()) * network_size(spec).parameters
    answers = spec.answers.asked * (2 + len(spec.answers.steps) / 8)
    return len(spec.members) * (4 * (6 * spec.epochs + kept) + math.ceil(answers))


def _trained_bytes(spec: Ensemble) -> int:
    names = len(spec.checkpoints.names())
    datasets = 6 + 3 + 3 + len(spec.factors) + names * (2 + network_size(spec).tensors)
    factors = len(spec.members) * (8 * len(spec.factors) + 8 + 9 + 8 * names)
    return HDF5_BYTES + _record_bytes(spec) + factors + len(spec.to_json()) + DATASET_BYTES * datasets
