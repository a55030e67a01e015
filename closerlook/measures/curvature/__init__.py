"""Largest eigenvalue, trace and Frobenius norm of the Hessian of the mean training loss at each checkpoint.

Sharpness is what *Deep Nets Don't Learn via Memorization* (Figure 3) and *Three Factors Influencing Minima in SGD*
compare. The loss is over the training set that a member saw, corrupted labels included. NaN where a member diverged or
never reached the checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from closerlook.layout import Column
from closerlook.measures.declaration import Measure, Work, needs_checkpoint
from closerlook.nets.architecture import Structure
from closerlook.spec import Count, Ensemble, Positive

STACK_BYTES = 2**24
"""What a stack's products work on, on a CPU: a cache's worth. Beyond it stacking costs more than it saves (a quarter at
1000 examples and 2 x 128 units). On a GPU, with the search's vectors, it is 2/5 of what is free."""

MLP_TAPE_BYTES = 2**33
"""As `closerlook.nets.mlp.run.TAPE_BYTES`: beyond it products recompute their activations."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The measure `curvature`: largest eigenvalue, trace and Frobenius norm of the Hessian at each checkpoint."""

    tolerance: Positive = 1e-3
    """relative tolerance of the largest eigenvalue"""
    trace_tolerance: Positive = 0.05
    """relative standard error of trace and Frobenius norm"""
    max_products: Annotated[int, Ge(2), Le(1_000_000)] = 60
    """Hessian-vector products a network for the eigenvalue, at most"""
    max_probes: Annotated[int, Ge(2), Le(1_000_000)] = 64
    """Hessian-vector products a network for trace and norm, at most"""
    examples: Count | None = None
    """size of a seeded subset of the training set; null: all of it"""
    dtype: Literal["float32", "float64"] = "float32"
    """arithmetic of the products"""


def needs(experiment: Any, options: Options) -> Iterator[str]:
    """Yield a line for each thing of an experiment that cannot be measured."""
    yield from needs_checkpoint(experiment)
    if options.examples and options.examples > min(experiment.examples):
        yield f"examples: {options.examples} is more than the {min(experiment.examples)} examples"


def cost(spec: Ensemble, size: Structure, options: Options, device: str) -> Work:
    """Return what measuring costs.

    A product takes 6 multiply-adds a weight and example, 2 in the first layer (Pearlmutter 1994, see `nets.mlp`).
    Lanczos' own vector work is left out: below 5 % from 1000 examples on. On a GPU the measure fills 2/5 of the free
    memory; `memory` is what one network at a time needs.
    """
    examples = options.examples or spec.examples
    itemsize = 8 if options.dtype == "float64" else 4
    names = len(spec.checkpoints.names())
    pairs = names * len(spec.members)
    spent = pairs * (options.max_products + options.max_probes)
    hidden = size.sites - size.inputs
    work = itemsize * examples * (2 * size.inputs + 6 * hidden)
    vectors = itemsize * size.parameters * 2 * options.max_products
    networks = min(max(1, STACK_BYTES // work), len(spec.members)) if device == "cpu" else 1
    tape = 4 * itemsize * hidden * examples * networks
    recomputed = 1 + (tape > MLP_TAPE_BYTES) / 3
    product, gradient = 12 * size.products - 8 * size.first, 6 * size.products - 2 * size.first
    return Work(
        flops=examples * (spent * recomputed * product + pairs * gradient),
        steps=math.ceil(spent / networks),
        memory=networks * (min(work, 2 * MLP_TAPE_BYTES) + vectors + 4 * size.parameters),
        disk=8 * len(WRITES) * pairs,
    )


MEMBER = ("member",)
WRITES = {
    "{checkpoint}/largest_eigenvalue": Column("float64", MEMBER, "largest algebraic eigenvalue"),
    "{checkpoint}/residual": Column(
        "float64", MEMBER, "norm of H v - λ v for the unit vector v found: some eigenvalue lies within it"
    ),
    "{checkpoint}/converged": Column("bool", MEMBER, "whether the tolerance was met"),
    "{checkpoint}/products": Column("int64", MEMBER, "Hessian-vector products spent on the eigenvalue"),
    "{checkpoint}/trace": Column("float64", MEMBER, "trace"),
    "{checkpoint}/trace_stderr": Column("float64", MEMBER, "its standard error over random probes"),
    "{checkpoint}/probes": Column("int64", MEMBER, "probes spent on trace and Frobenius norm"),
    "{checkpoint}/frobenius": Column("float64", MEMBER, "Frobenius norm"),
    "{checkpoint}/frobenius_stderr": Column("float64", MEMBER, "its standard error over random probes"),
    "{checkpoint}/loss": Column("float64", MEMBER, "the loss of which this is the curvature"),
}

measure = Measure(options=Options, writes=WRITES, needs=needs, cost=cost)
