"""The largest eigenvalues of many symmetric operators at once, by block Lanczos.

Basis vectors are kept and every new one is made orthogonal to all of them, so there are no ghost eigenvalues and the
basis can be spent again (`closerlook.numerics.trace`). Blocks of two vectors, because one vector can miss: with a
single random start a network's Lanczos may sit on the second eigenvalue, 20 % low, for 12 steps with a small residual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor
from torch.nn import functional

Products = Callable[[Tensor, Tensor], Tensor]
"""(vectors of shape (selected, vector, parameter), indices of the selected members) -> products, of the same shape."""

Draw = Callable[[Tensor, int], Tensor]
"""(indices of the selected members, how many) -> random signs of shape (selected, vector, parameter)."""

LEAST_STEPS = 3
"""Steps before anything counts as converged: what the random start is given to show an eigenvalue that was missed."""


@dataclass(frozen=True)
class Eigenpairs:
    """Each member's largest (algebraic) eigenvalue; NaN where the operator is not finite.

    `residual` is ``‖H v - eigenvalue v‖`` for the unit `vector`: some eigenvalue lies within it. `products` counts the
    products with the operator that were spent.
    """

    eigenvalue: Float64[Tensor, " member"]
    residual: Float64[Tensor, " member"]
    converged: Bool[Tensor, " member"]
    products: Int64[Tensor, " member"]
    vector: Float[Tensor, "member parameter"]


@dataclass(frozen=True)
class Subspace:
    """Where Lanczos has been: orthonormal rows Q (or zero rows), ``tr(Q H Qᵀ)`` and ``‖H Qᵀ‖²`` (Frobenius)."""

    basis: Float[Tensor, "member direction parameter"]
    trace: Float64[Tensor, " member"]
    squared_norm: Float64[Tensor, " member"]


def largest_eigenvalues(
    products: Products,
    start: Float[Tensor, "member vector parameter"],
    draw: Draw,
    *,
    tolerance: float = 1e-3,
    max_products: int = 60,
) -> tuple[Eigenpairs, Subspace]:
    """Return each member's largest algebraic eigenvalue, and the space that was searched.

    A member stops when both hold, after at least `LEAST_STEPS` blocks:

    * the error bound of its first Ritz value θ₁, ``min(r₁, r₁² / gap)`` with the residual norm r₁ (Temple, Kato), is
      at most ``tolerance * |θ₁|``, the gap being what lies between θ₁ and the upper end θ₂ + r₂ of the second;
    * θ₂ + r₂ is not above θ₁: as long as it is, the other start may be on its way to a larger eigenvalue.

    Members that are done get no more products.

    Parameters
    ----------
    products : callable
        Products with the operators of selected members.
    start : Tensor
        The first block: good guesses, with at least one random vector among them. Need not be orthonormal.
    draw : callable
        Random signs, to replace directions that the operator does not lead out of.
    tolerance : float
        Relative error of the eigenvalue to stop at, above 0.
    max_products : int
        Cap on the products of a member, at least the block's size.
    """
    search = _Search(start, draw, max_products)
    while len(search.active) and search.room:
        images = torch.zeros_like(search.block)
        images[search.active] = products(search.block[search.active], search.active)
        search.extend(images)
        search.settle(tolerance)
    return search.eigenpairs(), search.subspace()


class _Search:
    """The state of block Lanczos over a stack; members that are done stay in it with zero blocks."""

    def __init__(self, start: Tensor, draw: Draw, max_products: int) -> None:
        members, self.width, size = start.shape
        if max_products < self.width:
            raise ValueError(f"max_products is {max_products}; a block alone needs {self.width}")
        steps = min(max_products // self.width, -(-size // self.width))
        self.draw = draw
        self.basis = start.new_empty(members, steps * self.width, size)
        self.filled = 0
        small = {"dtype": torch.float64, "device": "cpu"}
        self.projected = torch.zeros(members, self.basis.shape[1], self.basis.shape[1], **small)
        self.remainder = torch.zeros(members, self.width, self.width, **small)
        self.coefficients = torch.zeros(members, self.basis.shape[1], **small)
        self.eigenvalue = torch.full((members,), torch.nan, **small)
        self.residual = torch.full((members,), torch.nan, **small)
        self.converged = torch.zeros(members, dtype=torch.bool)
        self.spent = torch.zeros(members, dtype=torch.int64)
        self.absent = torch.zeros(members, self.basis.shape[1], **small)
        self.active = torch.arange(members)
        start = functional.normalize(start, dim=2)
        self.block, self.missing = self._orthonormal(start, _gram(start.double()))

    @property
    def room(self) -> bool:
        return self.filled < self.basis.shape[1]

    def extend(self, images: Tensor) -> None:
        """Take the block and its images under the operator into the basis; set the next block."""
        new = slice(self.filled, self.filled + self.width)
        self.basis[:, new] = self.block
        self.absent[:, new] = self.missing.double()
        self.filled = new.stop
        basis = self.basis[:, : self.filled]
        overlaps = basis @ images.mT
        rest = images.baddbmm_(overlaps.mT, basis, alpha=-1)
        overlaps = overlaps.double().cpu()
        self.projected[:, : self.filled, new] = overlaps
        self.projected[:, new, : self.filled] = overlaps.mT
        self.projected[:, new, new] = (overlaps[:, new] + overlaps[:, new].mT) / 2
        # In float64: one start may have converged, its remainder thousands of times shorter than the other's.
        remainder = _gram(rest.double())
        self.remainder[self.active] = remainder[self.active]
        self.spent[self.active] += self.width
        broken = self.active[~torch.isfinite(self.projected[self.active].sum(dim=(1, 2)))]
        self._drop(broken)
        for member in broken:
            rest[member] = basis[member] = 0.0
            remainder[member] = self.remainder[member] = self.projected[member] = 0.0
        if self.room:
            self.block, self.missing = self._orthonormal(rest, remainder)

    def settle(self, tolerance: float) -> None:
        """Take the members' Ritz values, and drop those that have converged."""
        members = self.active
        if not len(members):
            return
        projected = self.projected[members, : self.filled, : self.filled]
        scale = torch.linalg.matrix_norm(projected)
        # A zero row is no direction: its Ritz value 0 must not pass for an eigenvalue above negative ones.
        below_all = self.absent[members, : self.filled] * (1 + scale[:, None])
        values, vectors = torch.linalg.eigh(projected - torch.diag_embed(below_all))
        last = vectors[:, -self.width :, -2:]
        residuals = (last.mT @ self.remainder[members] @ last).diagonal(dim1=1, dim2=2).clamp(min=0).sqrt()
        first, residual, rival = values[:, -1], residuals[:, 1], values[:, -2] + residuals[:, 0]
        gap = first - rival
        bound = torch.where(gap > residual, residual**2 / gap.clamp(min=1e-300), residual)
        allowed = tolerance * first.abs() + torch.finfo(self.basis.dtype).eps * scale
        settled = (bound <= allowed) & (rival <= first + allowed)
        if self.room:
            settled &= self.filled >= LEAST_STEPS * self.width
        self.eigenvalue[members] = first
        self.residual[members] = residual
        self.coefficients[members, : self.filled] = vectors[:, :, -1]
        self.converged[members] = settled
        self._drop(members[settled])

    def _drop(self, members: Tensor) -> None:
        self.active = self.active[~torch.isin(self.active, members)]
        self.block[members] = 0.0

    def _orthonormal(self, rows: Tensor, gram: Tensor) -> tuple[Tensor, Tensor]:
        """Return rows that span the same as `rows` and are orthonormal, to each other and to the basis; which are zero.

        What is nothing but rounding is replaced by random directions; where the basis spans everything, by zero.
        The second round is what float32 needs: "twice is enough" (Parlett, *The Symmetric Eigenvalue Problem*, 6.9).
        """
        basis = self.basis[:, : self.filled]
        rounding = torch.finfo(rows.dtype).eps
        scale = torch.linalg.matrix_norm(self.projected) if self.filled else torch.zeros(len(rows), dtype=torch.float64)
        rows, missing = _normalised(rows, gram, 10 * rounding * scale, torch.finfo(torch.float64).eps)
        members = self.active[missing[self.active].any(dim=1)]
        if len(members):
            fresh = self.draw(members, self.width) / rows.shape[2] ** 0.5
            absent = (rows[members] == 0).all(dim=2, keepdim=True)
            rows[members] = torch.where(absent, fresh, rows[members])
        rows = rows.baddbmm_(rows @ basis.mT, basis, alpha=-1)
        return _normalised(rows, _gram(rows), torch.full_like(scale, 100 * rounding), rounding)

    def eigenpairs(self) -> Eigenpairs:
        """Return what was found."""
        filled = self.coefficients[:, : self.filled].to(self.basis)
        vector = (filled.unsqueeze(1) @ self.basis[:, : self.filled]).squeeze(1)
        return Eigenpairs(self.eigenvalue, self.residual, self.converged, self.spent, vector)

    def subspace(self) -> Subspace:
        """Return the basis, with ``‖H Qᵀ‖² = ‖Q H Qᵀ‖² + ‖remainder of the last block‖²``, which needs no products."""
        return Subspace(
            basis=self.basis[:, : self.filled],
            trace=self.projected.diagonal(dim1=1, dim2=2).sum(dim=1),
            squared_norm=self.projected.square().sum(dim=(1, 2)) + self.remainder.diagonal(dim1=1, dim2=2).sum(dim=1),
        )


def _gram(rows: Tensor) -> Tensor:
    return (rows @ rows.mT).double().cpu()


def _normalised(rows: Tensor, gram: Tensor, limit: Tensor, rounding: float) -> tuple[Tensor, Tensor]:
    """Return orthonormal combinations of each member's rows, zero where there is nothing but rounding, and where.

    That is where their norm is at most `limit`, or its square drowns in the `rounding` with which `gram` was computed.
    """
    squares, directions = torch.linalg.eigh(gram)
    least = torch.maximum(limit.square(), 100 * rounding * squares[:, -1])
    missing = squares <= least[:, None]
    factors = torch.where(missing, 0.0, squares.clamp(min=1e-300).rsqrt())
    return (directions * factors[:, None, :]).mT.to(rows) @ rows, missing
