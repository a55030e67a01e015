"""What makes memorization harder: dropout, noise on inputs and hidden units, adversarial examples.

Weight decay is part of the update (`closerlook.training.stack`). Strengths are per member; a stack holds members that
use the same regularisers, so that nobody pays for a neighbour's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from closerlook.nets.network import Network, Perturbation
from closerlook.numerics.lass import find_critical
from closerlook.objectives.objective import Objective
from closerlook.regularizers import Lass
from closerlook.runtime.streams import generator
from closerlook.spec import Member

PERTURBATIONS = ("dropout", "input_dropout", "input_noise", "hidden_noise")
"""Those that scale or shift what a layer sees."""

BLOCK = 16
"""Steps whose random numbers are drawn at once: fewer, larger calls, and the block is part of a member's stream."""

BLOCK_NUMBERS = 2**24
"""Random numbers that a block may hold of one member and regulariser; maps of large images make it shorter."""


def active(member: Member) -> tuple[str, ...]:
    """Return the regularisers that a member uses."""
    return tuple(sorted(member.regularizers))


class Perturbations:
    """Draws the masks and noises of one epoch for the members of a stack, a block of steps at a time.

    Parameters
    ----------
    members : sequence of Member
        The stack's members, all with the same active regularisers.
    network : Network
        Says where a regulariser may act.
    epoch : int
        0-based; the random streams depend on it and on each member's seed alone.
    device : torch.device
        Where the numbers are drawn; CPU and CUDA draw different ones.
    """

    def __init__(self, members: Sequence[Member], network: Network, epoch: int, device: torch.device) -> None:
        self.members, self.network, self.device = members, network, device
        self.names = [name for name in active(members[0]) if name in PERTURBATIONS]
        if self.names:
            self.generators = [generator("perturbation", member.seed, epoch, device) for member in members]
        self.block: dict[tuple[str, int], Tensor] = {}
        self.batch = self.position = self.length = 0

    def next(self, batch: int) -> Perturbation | None:
        """Return the perturbation of the next step, whose batch has `batch` examples; None where nothing is to do."""
        if not self.names:
            return None
        if batch != self.batch or self.position == self.length:
            self._draw(batch)
        sites = len(self.network.sites(batch))
        scale: list[Tensor | None] = [None] * sites
        shift: list[Tensor | None] = [None] * sites
        for (name, site), values in self.block.items():
            (shift if name.endswith("noise") else scale)[site] = values[:, self.position]
        self.position += 1
        return Perturbation(scale, shift)

    def _draw(self, batch: int) -> None:
        self.batch, self.position, self.block = batch, 0, {}
        sites = self.network.sites(batch)
        self.length = max(1, min(BLOCK, BLOCK_NUMBERS // sum(math.prod(site) for site in sites)))
        for name in self.names:
            strength = torch.tensor([member.strength(name) for member in self.members], device=self.device)
            for site in [0] if name.startswith("input") else range(1, len(sites)):
                draw = torch.randn if name.endswith("noise") else torch.rand
                shape = (self.length, *sites[site])
                values = torch.stack([draw(shape, generator=own, device=self.device) for own in self.generators])
                level = strength.view(-1, *[1] * (values.dim() - 1))
                self.block[name, site] = (
                    values.mul_(level) if name.endswith("noise") else (values >= level).float().div_(1 - level)
                )


def attack(
    network: Network,
    parameters: Float[Tensor, "member parameter"],
    inputs: Float[Tensor, "member batch *site"],
    targets: Int[Tensor, "member batch"],
    radius: Float[Tensor, " member"],
    objective: Objective,
) -> Float[Tensor, "member batch *site"]:
    """Return the batch with its first half moved by the fast gradient sign method, at most `radius` in each input.

    Half of each batch stays clean, as in adversarial training by Goodfellow et al. (2015), which the authors cite.
    """
    half = inputs.shape[1] // 2
    outputs, tape = network.forward(parameters, inputs[:, :half].contiguous())
    gradient = network.input_gradient(tape, objective.gradient(outputs, targets[:, :half]))
    moved = inputs[:, :half] + radius.view(-1, *[1] * (inputs.dim() - 1)) * gradient.sign()
    return torch.cat([moved, inputs[:, half:]], dim=1)


class LassPoints:
    """Adds to each batch of an epoch the points that LASS finds near it, as *A Closer Look at Memorization* trains.

    The loss is (1 - w) times the mean over the batch plus w times the mean over its LASS points, w the member's `lass`;
    the points keep the training labels. A point is the first one nearby that the network answers otherwise than the
    example, or the last one looked at; so an example that is answered wrongly moves away from that answer. Batch norm
    and dropout, like the step itself, see both parts as one batch; the search is in evaluation mode.

    Parameters
    ----------
    members : sequence of Member
        The stack's members, with a weight above 0 and at most 1.
    settings : Lass
        Of the search, in [0, 1] pixel units.
    pixel : float
        Change of an input when its pixel goes from 0 to 1.
    epoch : int
        0-based; the noise depends on it and on each member's seed alone.
    device : torch.device
        Where the noise is drawn.
    """

    def __init__(
        self, members: Sequence[Member], settings: Lass, pixel: float, epoch: int, device: torch.device
    ) -> None:
        self.weight = torch.tensor([member.strength("lass") for member in members], device=device).unsqueeze(1)
        self.generators = [generator("lass", member.seed, epoch, device) for member in members]
        self.settings, self.pixel = settings, pixel

    def join(
        self,
        network: Network,
        parameters: Float[Tensor, "member parameter"],
        inputs: Float[Tensor, "member batch *site"],
        targets: Int[Tensor, "member batch"],
        weight: Float[Tensor, "member 1"],
    ) -> tuple[Float[Tensor, "member both *site"], Int[Tensor, "member both"], Float[Tensor, "member both"]]:
        """Return inputs, targets and every example's weight in the loss, of the batch and then of its LASS points."""
        settings = self.settings
        found = find_critical(
            network,
            parameters,
            inputs,
            settings.radius * self.pixel,
            step=settings.step * self.pixel,
            noise=settings.noise * self.pixel,
            iterations=settings.iterations,
            generators=self.generators,
            drop=False,
        )
        shares = torch.cat([(1 - self.weight).expand(targets.shape), self.weight.expand(targets.shape)], dim=1)
        return torch.cat([inputs, found.points], dim=1), torch.cat([targets, targets], dim=1), weight * shares
