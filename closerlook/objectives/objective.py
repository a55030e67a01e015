"""What an objective offers: a loss for each example, and its derivatives by the network's outputs."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Objective(Protocol):
    """What is minimised, as a function of a network's outputs, example by example."""

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each example, shape (member, batch)."""

    def gradient(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the derivative of each example's loss with respect to its outputs, shape of `outputs`."""

    def hessian_product(self, outputs: Tensor, targets: Tensor, directions: Tensor) -> Tensor:
        """Return each example's second derivative with respect to its outputs, applied to `directions`."""

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return whether each example is answered as its target says, bool, shape (member, batch)."""
