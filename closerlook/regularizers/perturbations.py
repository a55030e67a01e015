"""Draws what regularisers multiply and shift activations with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from closerlook import regularizers
from closerlook.nets.network import Network, Perturbation
from closerlook.regularizers import BLOCK, REGULARIZERS
from closerlook.runtime.streams import generator
from closerlook.spec import Member

DRAWS = {"uniform": torch.rand, "normal": torch.randn}


class Perturbations:
    """Draws the masks and noises of one epoch for the members of a stack, a block of steps at a time.

    Several regularisers draw in the order of their names, from one stream.

    Parameters
    ----------
    members : sequence of Member
        The stack's members, all with the same regularisers.
    network : Network
        Says where a regulariser may act.
    epoch : int
        0-based; the random streams depend on it and on each member's seed alone.
    device : torch.device
        Where the numbers are drawn; CPU and CUDA draw different ones.
    """

    def __init__(self, members: Sequence[Member], network: Network, epoch: int, device: torch.device) -> None:
        self.members, self.network, self.device = members, network, device
        things = {name: REGULARIZERS[name].perturbs for name in sorted(members[0].regularizers)}
        self.acting = {name: perturbs for name, perturbs in things.items() if perturbs}
        if self.acting:
            self.generators = [generator("perturbation", member.seed, epoch, device) for member in members]
        self.block: dict[tuple[str, int], Tensor] = {}
        self.batch = self.position = self.length = 0

    def next(self, batch: int) -> Perturbation | None:
        """Return the perturbation of the next step, whose batch has `batch` examples; None where nothing is to do."""
        if not self.acting:
            return None
        if batch != self.batch or self.position == self.length:
            self._draw(batch)
        sites = len(self.network.sites(batch))
        scale: list[Tensor | None] = [None] * sites
        shift: list[Tensor | None] = [None] * sites
        for (name, site), values in self.block.items():
            part = values[:, self.position]
            if self.acting[name].scale:
                scale[site] = part if scale[site] is None else scale[site] * part
            else:
                shift[site] = part if shift[site] is None else shift[site] + part
        self.position += 1
        return Perturbation(scale, shift)

    def _draw(self, batch: int) -> None:
        self.batch, self.position, self.block = batch, 0, {}
        sites = self.network.sites(batch)
        self.length = max(1, min(BLOCK, regularizers.BLOCK_NUMBERS // sum(math.prod(site) for site in sites)))
        for name, perturbs in self.acting.items():
            strength = torch.tensor([member.strength(name) for member in self.members], device=self.device)
            for site in [0] if perturbs.site == "inputs" else range(1, len(sites)):
                shape = (self.length, *sites[site])
                drawn = [DRAWS[perturbs.draws](shape, generator=own, device=self.device) for own in self.generators]
                values = torch.stack(drawn)
                level = strength.view(-1, *[1] * (values.dim() - 1))
                self.block[name, site] = (perturbs.scale or perturbs.shift)(values, level)
