"""Which members of an ensemble are trained side by side, as one program."""

from __future__ import annotations

from math import ceil, prod

from closerlook.optimizers import OPTIMIZERS
from closerlook.regularizers import REGULARIZERS
from closerlook.spec import Ensemble, Member
from closerlook.training.limits import CACHE_BYTES, TAPE_BYTES


def growth(member: Member) -> int:
    """Return how many times as many examples a member's step has as its batch: some regularisers add to it."""
    return prod(REGULARIZERS[name].growth for name in member.regularizers)


def most_examples(spec: Ensemble) -> int:
    """Return the most examples that a network sees at once in training."""
    return spec.largest_batch * max(map(growth, spec.members))


def plan_stacks(spec: Ensemble, parameters: int, tape: int, device: str) -> list[list[int]]:
    """Return the ensemble's member numbers, grouped into stacks.

    A stack's members use the same regularisers and agree in what the optimiser asks for. There are few enough of them
    for parameters and the optimiser's state to stay in cache, and for what the backward pass needs to fit in memory.

    Parameters
    ----------
    spec : Ensemble
        What is trained.
    parameters, tape : int
        Numbers of one network's parameters, and those that a step keeps of an example.
    device : {"cpu", "cuda"}
        Where.
    """
    optimizer = OPTIMIZERS[spec.optimizer]
    groups: dict[tuple, list[int]] = {}
    for number, member in enumerate(spec.members):
        alike = tuple(getattr(member, factor) for factor in optimizer.alike)
        groups.setdefault((alike, tuple(member.regularizers)), []).append(number)
    fits_cache = CACHE_BYTES[device] // (4 * (1 + optimizer.state) * parameters)
    most = max(1, min(fits_cache, TAPE_BYTES[device] // (4 * most_examples(spec) * tape)))
    stacks = []
    for numbers in groups.values():
        size = ceil(len(numbers) / ceil(len(numbers) / most))
        stacks += [numbers[start : start + size] for start in range(0, len(numbers), size)]
    return stacks
