"""Curvature at the checkpoints of an ensemble; each search starts from the eigenvector of the checkpoint before."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from closerlook.measures.curvature import STACK_BYTES, Options
from closerlook.measures.job import Job
from closerlook.nets.network import Network
from closerlook.numerics.hessian import Curvature, curvature
from closerlook.runtime.streams import generator

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def run(job: Job, options: Options) -> dict[str, Shaped[np.ndarray, " member"]]:
    """Measure the Hessian of every member at every checkpoint.

    A member's checkpoints are taken in the order of their epochs. With `examples` they are drawn by the member's seed,
    the same at every checkpoint.

    Raises
    ------
    ValueError
        If there are fewer training examples than asked for.
    """
    members = len(job.spec.members)
    if options.examples is not None and options.examples > job.spec.examples:
        raise ValueError(f"examples is {options.examples}; allowed are 1 to {job.spec.examples}, the training set")
    table = _Table(job.checkpoints, members)
    size = _stack_size(job.network, options.examples or job.spec.examples, options, torch.device(job.device))
    for first in range(0, members, size):
        numbers = range(first, min(first + size, members))
        _follow(job, numbers, options, table)
        job.log(f"{job.spec.name}: curvature of networks {first}-{numbers[-1]} of {members}, {table.account(numbers)}")
    return table.columns


def _stack_size(network: Network, examples: int, options: Options, device: torch.device) -> int:
    """Return how many members to take at once, at least one."""
    site, *hidden = (prod(shape) for shape in network.sites(1))
    itemsize, work = DTYPES[options.dtype].itemsize, examples * (2 * site + 6 * sum(hidden))
    if device.type == "cpu":
        return max(1, STACK_BYTES // (itemsize * work))
    # The basis is there twice while members are picked.
    vectors = network.size * 2 * options.max_products
    return max(1, 2 * torch.cuda.mem_get_info(device)[0] // 5 // (itemsize * (work + vectors)))


def _examples(job: Job, numbers: range, options: Options) -> tuple[Tensor, Tensor]:
    """Return the training inputs and labels of some members, all or a part drawn by the member's seed."""
    rows, labels = job.data.rows[numbers], job.data.labels[numbers]
    if options.examples is not None:
        draws = [generator("curvature/subset", job.spec.members[number].seed) for number in numbers]
        orders = [torch.randperm(rows.shape[1], generator=own) for own in draws]
        chosen = np.stack([order[: options.examples].sort().values.numpy() for order in orders])
        rows, labels = (np.take_along_axis(part, chosen, axis=1) for part in (rows, labels))
    inputs = torch.from_numpy(job.data.pool[rows]).to(job.device, DTYPES[options.dtype])
    return inputs, torch.from_numpy(labels).to(job.device)


def _follow(job: Job, numbers: range, options: Options, table: _Table) -> None:
    """Measure some members along their checkpoints, each search starting from the eigenvector before."""
    inputs, targets = _examples(job, numbers, options)
    vector = None
    epochs = np.stack([job.epochs(name)[numbers] for name in job.checkpoints], axis=1)
    for order in epochs.argsort(axis=1, kind="stable").T:
        names = [job.checkpoints[index] for index in order]
        pairs = list(zip(names, numbers, strict=True))
        parameters = torch.cat([job.parameters(name, [number]) for name, number in pairs])
        draws = [generator(f"curvature/{name}", job.spec.members[number].seed) for name, number in pairs]
        result = curvature(
            job.network, parameters.to(inputs), inputs, targets, job.objective, draws, options, start=vector
        )
        table.enter(result, names, numbers)
        vector = result.largest.vector


class _Table:
    """The arrays of `curvature.h5`: one a checkpoint and quantity, with an entry a member."""

    def __init__(self, checkpoints: Sequence[str], members: int) -> None:
        self.columns: dict[str, np.ndarray] = {}
        self.checkpoints, self.members = checkpoints, members

    def enter(self, result: Curvature, names: Sequence[str], numbers: range) -> None:
        """Enter what was measured of some members, each at its own checkpoint."""
        values = {
            "largest_eigenvalue": result.largest.eigenvalue,
            "residual": result.largest.residual,
            "converged": result.largest.converged,
            "products": result.largest.products,
            "trace": result.trace.estimate,
            "trace_stderr": result.trace.stderr,
            "probes": result.trace.probes,
            "frobenius": result.frobenius.estimate,
            "frobenius_stderr": result.frobenius.stderr,
            "loss": result.loss,
        }
        for quantity, entries in values.items():
            for name, number, entry in zip(names, numbers, entries.numpy(), strict=True):
                column = self.columns.setdefault(f"{name}/{quantity}", np.zeros(self.members, entries.numpy().dtype))
                column[number] = entry

    def account(self, numbers: range) -> str:
        """Return what the measurements of some members cost, and how many fell short."""
        at = [
            {part: self.columns[f"{name}/{part}"][numbers] for part in ("products", "probes", "converged", "loss")}
            for name in self.checkpoints
        ]
        spent = sum(column["products"].sum() + column["probes"].sum() for column in at)
        short = sum((~column["converged"] & np.isfinite(column["loss"])).sum() for column in at)
        return f"{spent} Hessian products, {short} eigenvalues not converged"
