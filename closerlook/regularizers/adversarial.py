"""Adversarial examples by the fast gradient sign method in half of each batch.

Half stays clean, as in adversarial training by Goodfellow et al. (2015), which the authors cite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from closerlook.regularizers import Regularizer
from closerlook.spec import NotNegative
from closerlook.things import Look

if TYPE_CHECKING:
    from torch import Tensor

    from closerlook.regularizers.setting import Batch, Setting


def attack(setting: Setting) -> Callable[[Tensor, Batch], Batch]:
    """Return what moves the first half of a batch, each input by at most the strength in pixel units."""
    import torch

    network, objective, radius = setting.network, setting.objective, setting.strength * setting.pixel

    def change(parameters: Tensor, batch: Batch) -> Batch:
        half = batch.inputs.shape[1] // 2
        clean, rest = batch.inputs[:, :half], batch.inputs[:, half:]
        outputs, tape = network.forward(parameters, clean.contiguous())
        gradient = network.input_gradient(tape, objective.gradient(outputs, batch.targets[:, :half]))
        moved = clean + radius.view(-1, *[1] * (clean.dim() - 1)) * gradient.sign()
        return replace(batch, inputs=torch.cat([moved, rest], dim=1))

    return change


regularizer = Regularizer(
    words="adversarial",
    strength=NotNegative,
    meaning="radius, in pixel units from 0 to 1, of fast-gradient-sign examples in half of each batch",
    look=Look("#AA4499", "*", 7),
    changes=attack,
    work=lambda options: 2.0,  # for half of the examples, forward and back to the inputs
)
