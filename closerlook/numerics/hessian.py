"""Largest eigenvalue, trace and Frobenius norm of the loss's Hessian, for the members of a stack at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from closerlook.nets.network import Network
from closerlook.numerics.lanczos import Eigenpairs, largest_eigenvalues
from closerlook.numerics.requirements import require_problem
from closerlook.numerics.trace import Estimate, trace_and_frobenius
from closerlook.objectives.objective import Objective

_EXAMPLES_AT_ONCE = 8192


@runtime_checkable
class Effort(Protocol):
    """How exact the numbers should be, and what they may cost, as `closerlook.measures.curvature.Options` says it.

    `tolerance`: relative error bound of the eigenvalue; `max_products`: cap on its Hessian products; `trace_tolerance`:
    relative standard error of trace and Frobenius norm; `max_probes`: cap on their probes, one product each.
    """

    tolerance: float
    trace_tolerance: float
    max_products: int
    max_probes: int


@dataclass(frozen=True)
class Curvature:
    """What was measured of each member; NaN where its parameters or its Hessian are not finite."""

    largest: Eigenpairs
    trace: Estimate
    frobenius: Estimate
    loss: Float64[Tensor, " member"]


def curvature(
    network: Network,
    parameters: Float[Tensor, "member parameter"],
    inputs: Float[Tensor, "member batch *site"],
    targets: Int[Tensor, "member batch"],
    objective: Objective,
    generators: Sequence[torch.Generator],
    effort: Effort,
    *,
    start: Float[Tensor, "member parameter"] | None = None,
) -> Curvature:
    """Measure the Hessian of each member's mean loss over its batch.

    The precision and the device are those of `parameters`.

    Parameters
    ----------
    network, parameters, inputs, targets, objective
        The members and what they are asked; each member may have its own examples.
    generators : sequence of torch.Generator
        One a member, on the CPU.
    effort : Effort
        Tolerances and caps.
    start : Tensor, optional
        A guess of each member's top eigenvector, such as that of its previous checkpoint. Rows that are zero or not
        finite, and None, stand for the gradient of the loss, which lies mostly in the top eigenspace (Gur-Ari et al.,
        *Gradient Descent Happens in a Tiny Subspace*, 2018).

    Raises
    ------
    ValueError
        If there is no example, a label is none of the classes, or the network cannot be asked.
    """
    require_problem(network, parameters, inputs, targets)
    count = len(parameters)
    finite = torch.isfinite(parameters).all(dim=1).cpu().nonzero().flatten()
    draws = _Draws([generators[member] for member in finite], parameters)
    if not len(finite):
        return _nothing(parameters)
    stack = _Stack(network, parameters[finite], inputs[finite], targets[finite], objective)
    loss, first = stack.first_block(draws)
    if start is not None:
        given = start[finite].to(first)
        usable = torch.isfinite(given).all(dim=1) & (given != 0).any(dim=1)
        first[:, 1] -= torch.where(usable[:, None], first[:, 0], 0.0)
        first[:, 0] = torch.where(usable[:, None], given, first[:, 0])
    pairs, subspace = largest_eigenvalues(
        stack.products, first, draws.signs, tolerance=effort.tolerance, max_products=effort.max_products
    )
    trace, frobenius = trace_and_frobenius(
        stack.products,
        subspace,
        draws.signs,
        torch.isfinite(pairs.eigenvalue).nonzero().flatten(),
        tolerance=effort.trace_tolerance,
        max_probes=effort.max_probes,
    )
    return Curvature(
        _spread(pairs, finite, count),
        _spread(trace, finite, count),
        _spread(frobenius, finite, count),
        _spread_tensor(loss, finite, count),
    )


class _Draws:
    """What is random, each member's from its own generator."""

    def __init__(self, generators: Sequence[torch.Generator], like: Tensor) -> None:
        self.generators = generators
        self.like = like

    def signs(self, members: Tensor, count: int) -> Tensor:
        """See `closerlook.numerics.lanczos.Draw`."""
        rows = [
            torch.empty(count, self.like.shape[1], dtype=torch.int8).random_(0, 2, generator=self.generators[member])
            for member in members.tolist()
        ]
        return torch.stack(rows).to(self.like).mul_(2).sub_(1)

    def orders(self, count: int) -> Tensor:
        """Return a random order of each member's examples, shape (member, count)."""
        return torch.stack([torch.randperm(count, generator=generator) for generator in self.generators])


class _Stack:
    """Members whose Hessians are asked for; products go to those that still want them."""

    def __init__(
        self, network: Network, parameters: Tensor, inputs: Tensor, targets: Tensor, objective: Objective
    ) -> None:
        self.network, self.objective = network, objective
        self.parameters, self.inputs, self.targets = parameters, inputs, targets
        self.selected: list[int] | None = None

    def products(self, vectors: Tensor, members: Tensor) -> Tensor:
        """See `closerlook.numerics.lanczos.Products`."""
        if self.selected != members.tolist():
            self.selected = members.tolist()
            arguments = (self.parameters, self.inputs, self.targets)
            if len(members) < len(self.parameters):
                arguments = tuple(part[members] for part in arguments)
            self.operator = self.network.hessian_operator(*arguments, self.objective)
        return self.operator(vectors)

    def first_block(self, draws: _Draws) -> tuple[Tensor, Tensor]:
        """Return each member's mean loss, and two starts: the gradients of random halves of its examples.

        Together they span the gradient and a random combination of the examples' own gradients, which guards against
        what the gradient misses: along each eigenvector it has a share in proportion to about the eigenvalue, where
        white noise has one in as many as there are parameters.
        """
        block = self.parameters.new_zeros(len(self.parameters), 2, self.parameters.shape[1])
        loss = torch.zeros(len(block), dtype=torch.float64)
        members = torch.arange(len(block))[:, None]
        for row, half in enumerate(draws.orders(self.targets.shape[1]).tensor_split(2, dim=1)):
            for part in half.split(_EXAMPLES_AT_ONCE, dim=1):
                targets = self.targets[members, part]
                outputs, tape = self.network.forward(self.parameters, self.inputs[members, part])
                gradient = self.objective.gradient(outputs, targets)
                self.network.backward(tape, gradient, into=self.network.views(block[:, row]), keep=1.0)
                loss += self.objective.losses(outputs, targets).double().sum(dim=1).cpu()
        return loss / self.targets.shape[1], block


def _nothing(parameters: Tensor) -> Curvature:
    """Return the result of members none of which is finite."""
    unknown = torch.full((len(parameters),), torch.nan, dtype=torch.float64)
    zero = torch.zeros(len(parameters), dtype=torch.int64)
    pairs = Eigenpairs(unknown, unknown, zero.bool(), zero, torch.full_like(parameters, torch.nan))
    estimate = Estimate(unknown, unknown, zero)
    return Curvature(pairs, estimate, estimate, unknown)


def _spread(result: Eigenpairs | Estimate, rows: Tensor, count: int) -> Eigenpairs | Estimate:
    """Put the results of some members into rows of all."""
    return type(result)(**{name: _spread_tensor(part, rows, count) for name, part in vars(result).items()})


def _spread_tensor(part: Tensor, rows: Tensor, count: int) -> Tensor:
    whole = part.new_full((count, *part.shape[1:]), torch.nan if part.is_floating_point() else 0)
    whole[rows.to(part.device)] = part
    return whole
