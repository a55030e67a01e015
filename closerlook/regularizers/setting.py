"""What regularisers are told of the training that they act on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from closerlook.nets.network import Network
from closerlook.objectives.objective import Objective
from closerlook.runtime.streams import generator
from closerlook.spec import Member


@dataclass(frozen=True)
class Batch:
    """What a step is taken on: examples, their targets, and what the loss of each, or of all, is multiplied by."""

    inputs: Float[Tensor, "member batch *site"]
    targets: Int[Tensor, "member batch"]
    weight: Float[Tensor, "member _"]


@dataclass(frozen=True)
class Setting:
    """An epoch of a stack, as one of its regularisers sees it.

    Attributes
    ----------
    name : str
        The regulariser's own, which is also that of its random streams.
    options : object
        Its options.
    members : sequence of Member
        The networks of the stack, all of which use it.
    network, objective
        What is trained, and to minimise what.
    pixel : float
        Change of an input when its pixel goes from 0 to 1.
    epoch : int
        0-based.
    scale : Tensor
        What the optimiser multiplies each member's gradient by.
    """

    name: str
    options: Any
    members: Sequence[Member]
    network: Network
    objective: Objective
    pixel: float
    epoch: int
    scale: Float[Tensor, " member"]

    @property
    def strength(self) -> Float[Tensor, " member"]:
        """Each member's strength."""
        return torch.tensor([member.strength(self.name) for member in self.members], device=self.scale.device)

    def generators(self) -> list[torch.Generator]:
        """Return each member's source of random numbers, which depends on its seed and the epoch alone."""
        return [generator(self.name, member.seed, self.epoch, self.scale.device) for member in self.members]
