"""How fast devices are at the work that `closerlook.planning.cost` counts, and where each number comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from closerlook.planning.cost import Cost, DeviceKind


@dataclass(frozen=True)
class Device:
    """A device that jobs run on; `workers` jobs at a time.

    A job takes ``start + steps * step + flops / rate`` seconds.
    """

    name: str
    kind: DeviceKind
    workers: int
    start: float
    step: float
    rate: float
    source: str

    def seconds(self, cost: Cost) -> float:
        """Return how long one job takes."""
        return self.start + cost.steps * self.step + cost.flops / self.rate

    def hours(self, costs: Sequence[Cost]) -> float:
        """Return how long the jobs take together; at least as long as the longest of them."""
        each = [self.seconds(cost) for cost in costs]
        return max(sum(each) / self.workers, max(each, default=0.0)) / 3600


# Least squares of relative errors over the wall seconds of the 20 training jobs of scale `quick` and the epochs that
# they ran (2026-11-22, two at a time, AMD EPYC): fitted over measured was 0.70 to 1.15.
CPU_THREAD = Device(
    "1 CPU thread",
    "cpu",
    1,
    3.9,
    0.82e-3,
    78e9,
    "fitted to 20 training jobs of scale quick on an AMD EPYC, two jobs at a time",
)
CPU_TWO_CORES = replace(CPU_THREAD, name="2 CPU cores", workers=2, source="two such jobs at a time")
H100 = Device(
    "1 H100",
    "cuda",
    1,
    15.0,
    0.5e-3,
    40e12,
    "an estimate, not measured: 60 % of the 67 TFLOP/s in float32 of the data sheet (no TF32), some 50 kernels a step",
)
DEVICES = (CPU_THREAD, CPU_TWO_CORES, H100)


def device_for(gpus: int) -> Device:
    """Return the device that a job's time limit is reckoned by."""
    return H100 if gpus else CPU_THREAD


SNAKEMAKE_BYTES = 400 * 10**6
"""A cluster job runs two Snakemake processes beside the one that works."""
MEMORY_MARGIN, TIME_MARGIN = 1.5, 2.0
"""Factors on the estimates, above the worst error seen: a killed job costs more than a reservation too large."""


def reserved_megabytes(cost: Cost, device: Device, attempt: int = 1) -> int:
    """Return the memory to ask for in MB; it doubles with the second attempt, and so on."""
    return math.ceil(attempt * (SNAKEMAKE_BYTES + MEMORY_MARGIN * cost.memory) / 1e6)


def reserved_gpu_megabytes(cost: Cost, device: Device, attempt: int = 1) -> int:
    """Return the GPU memory to ask for in MB; 0 for a job on a CPU."""
    return math.ceil(attempt * MEMORY_MARGIN * cost.gpu_memory / 1e6)


def reserved_minutes(cost: Cost, device: Device, attempt: int = 1, start: float = 5) -> int:
    """Return the run time to ask for in minutes, with some for a slow start."""
    return math.ceil(attempt * (start + TIME_MARGIN * device.seconds(cost) / 60))


def reserved_minutes_in_a_group(cost: Cost, device: Device, attempt: int = 1) -> int:
    """Return the same for one of many short jobs in one slot, whose times add up: only the first starts cold."""
    return reserved_minutes(cost, device, attempt, start=1)
