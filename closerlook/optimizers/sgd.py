"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from closerlook.optimizers import Gradient, Optimizer
from closerlook.spec import Member

if TYPE_CHECKING:
    from torch import Tensor


class Descent:
    """Steps against the gradient, and what is left of earlier ones.

    The velocity includes the learning rate (v ← μ v + η g, θ ← θ - v), so that the matrix products of the backward pass
    add the gradient to it without a memory pass of their own. For a constant η this is the usual momentum. It is kept
    parameter by parameter: a batched product into a part of a wider tensor is done network by network.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self.state = {name: part.new_zeros(part.shape) for name, part in parameters.items()}
        self.scale = next(iter(parameters.values())).new_zeros(0)
        self.momentum = 0.0

    def begin_epoch(self, members: Sequence[Member], factor: float, before: float) -> None:
        """See `Updates.begin_epoch`; what momentum carries is rescaled with the rate."""
        for velocity in self.state.values():
            velocity.mul_(factor / before)
        self.scale = factor * self.scale.new_tensor([member.learning_rate for member in members])
        self.momentum = members[0].momentum

    def step(self, parameters: Mapping[str, Tensor], gradient: Gradient) -> None:
        """See `Updates.step`."""
        gradient(self.state, self.momentum)
        for name, velocity in self.state.items():
            parameters[name].sub_(velocity)


optimizer = Optimizer(
    words="stochastic gradient descent", start=Descent, alike=("momentum",), plain_without=("momentum",)
)
