"""Curvature at the checkpoints of an ensemble: from `trained.h5` to `curvature.h5`.

Sharpness is what *Deep Nets Don't Learn via Memorization* (Figure 3) and *Three Factors Influencing Minima in SGD*
compare. The Hessian is that of the mean loss over the training set that a member saw, corrupted labels included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import prod
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from closerlook.measures.curvature import STACK_BYTES
from closerlook.measures.trained import Trained, create_measured, open_trained
from closerlook.nets.network import Network
from closerlook.numerics.hessian import Curvature, Effort, curvature
from closerlook.objectives import OBJECTIVES
from closerlook.runtime.streams import generator

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def measure_curvature(
    trained: Path,
    data: Path,
    noise: Mapping[str, Path],
    output: Path,
    *,
    checkpoints: Sequence[str],
    tolerance: float = 1e-3,
    trace_tolerance: float = 0.05,
    max_products: int = 60,
    max_probes: int = 64,
    examples: int | None = None,
    dtype: str = "float32",
    device: str = "cpu",
    log: Callable[[str], None] = print,
) -> None:
    """Measure the Hessian of every member at the named checkpoints, and write `curvature.h5`.

    A member's checkpoints are taken in the order of their epochs, each search starting from the eigenvector before.
    Members that diverged or never reached a checkpoint have NaN there.

    Parameters
    ----------
    trained, data, output : Path
        `trained.h5`, the data set, and the file to write, which appears whole or not at all.
    noise : mapping of str to Path
        The corrupted training sets by noise kind.
    checkpoints : sequence of str
        Names of checkpoints in `trained`.
    tolerance, trace_tolerance, max_products, max_probes
        See `closerlook.numerics.hessian.Effort`.
    examples : int, optional
        Measure on so many training examples of each member, drawn by its seed, the same at every checkpoint; None: all.
    dtype : {"float32", "float64"}
        Precision of the products.
    device : str
        A torch device.
    log : callable
        Receives the log lines.

    Raises
    ------
    closerlook.store.StoreError
        If an input file is damaged, does not belong to the others, or lacks a checkpoint.
    ValueError
        If `dtype` or `examples` is impossible.
    """
    effort = Effort(tolerance, trace_tolerance, max_products, max_probes)
    with open_trained(trained, data, noise) as ensemble:
        spec = ensemble.spec
        _require(dtype, examples, spec.examples)
        ensemble.require(checkpoints)
        table = _Table(checkpoints, len(spec.members))
        size = _stack_size(ensemble.network, examples or spec.examples, effort, DTYPES[dtype], torch.device(device))
        for first in range(0, len(spec.members), size):
            numbers = range(first, min(first + size, len(spec.members)))
            inputs, targets = _examples(ensemble, numbers, examples, DTYPES[dtype], device)
            _follow(ensemble, numbers, inputs, targets, effort, table)
            which = f"networks {first}-{numbers[-1]} of {len(spec.members)}"
            log(f"{spec.name}: curvature of {which}, {table.account(numbers)}")
    settings = asdict(effort) | {
        "checkpoints": list(checkpoints),
        "examples": examples,
        "subset": "all training examples" if examples is None else "drawn by the member's seed",
        "dtype": dtype,
    }
    with create_measured(output, "curvature", spec, settings, device) as file:
        table.write(file)


def _require(dtype: str, examples: int | None, most: int) -> None:
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; allowed are {', '.join(DTYPES)}")
    if examples is not None and not 1 <= examples <= most:
        raise ValueError(f"examples is {examples}; allowed are 1 to {most}, the size of the training set")


def _stack_size(network: Network, examples: int, effort: Effort, dtype: torch.dtype, device: torch.device) -> int:
    """Return how many members to take at once, at least one."""
    site, *hidden = (prod(shape) for shape in network.sites(1))
    work = examples * (2 * site + 6 * sum(hidden))
    if device.type == "cpu":
        return max(1, STACK_BYTES // (dtype.itemsize * work))
    # The basis is there twice while members are picked.
    vectors = network.size * 2 * effort.max_products
    return max(1, 2 * torch.cuda.mem_get_info(device)[0] // 5 // (dtype.itemsize * (work + vectors)))


def _examples(
    ensemble: Trained, numbers: range, examples: int | None, dtype: torch.dtype, device: str
) -> tuple[Tensor, Tensor]:
    """Return the training inputs and labels of some members, all or a part drawn by the member's seed."""
    loaded, members = ensemble.data, ensemble.spec.members
    rows, labels = loaded.rows[numbers], loaded.labels[numbers]
    if examples is not None:
        draws = [generator("curvature/subset", members[number].seed) for number in numbers]
        orders = [torch.randperm(rows.shape[1], generator=own) for own in draws]
        chosen = np.stack([order[:examples].sort().values.numpy() for order in orders])
        rows, labels = (np.take_along_axis(part, chosen, axis=1) for part in (rows, labels))
    return torch.from_numpy(loaded.pool[rows]).to(device, dtype), torch.from_numpy(labels).to(device)


def _follow(ensemble: Trained, numbers: range, inputs: Tensor, targets: Tensor, effort: Effort, table: _Table) -> None:
    """Measure some members along their checkpoints, each search starting from the eigenvector before."""
    checkpoints, members = list(table.columns), ensemble.spec.members
    objective, vector = OBJECTIVES[ensemble.spec.objective], None
    epochs = np.stack([ensemble.file[f"checkpoints/{name}/epoch"][numbers] for name in checkpoints], axis=1)
    for order in epochs.argsort(axis=1, kind="stable").T:
        names = [checkpoints[index] for index in order]
        pairs = list(zip(names, numbers, strict=True))
        parameters = torch.cat([ensemble.parameters(name, number) for name, number in pairs])
        draws = [generator(f"curvature/{name}", members[number].seed) for name, number in pairs]
        result = curvature(
            ensemble.network, parameters.to(inputs), inputs, targets, objective, draws, start=vector, effort=effort
        )
        table.enter(result, names, numbers)
        vector = result.largest.vector


class _Table:
    """The numbers of `curvature.h5`: one column a checkpoint and quantity, one entry a member."""

    def __init__(self, checkpoints: Sequence[str], members: int) -> None:
        self.columns: dict[str, dict[str, np.ndarray]] = {name: {} for name in checkpoints}
        self.members = members

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
                column = self.columns[name].setdefault(quantity, np.zeros(self.members, entries.numpy().dtype))
                column[number] = entry

    def account(self, numbers: range) -> str:
        """Return what the measurements of some members cost, and how many fell short."""
        entries = [(column["products"][numbers], column["probes"][numbers]) for column in self.columns.values()]
        short = sum(
            (~column["converged"][numbers] & np.isfinite(column["loss"][numbers])).sum()
            for column in self.columns.values()
        )
        spent = sum(products.sum() + probes.sum() for products, probes in entries)
        return f"{spent} Hessian products, {short} eigenvalues not converged"

    def write(self, file: h5py.File) -> None:
        """Write a group for every checkpoint."""
        for name, column in self.columns.items():
            for quantity, entries in column.items():
                file.create_dataset(f"{name}/{quantity}", data=entries)
