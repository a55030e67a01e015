"""Adversarial points that LASS finds near each example, as *A Closer Look at Memorization* trains on them.

The loss is (1 - w) times the mean over the batch plus w times the mean over its LASS points, w the member's strength;
the points keep the training labels. A point is the first one nearby that the network answers otherwise than the
example, or the last one looked at; so an example that is answered wrongly moves away from that answer. Batch norm and
dropout, like the step itself, see both parts as one batch; the search is in evaluation mode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Gt, Le

from closerlook.regularizers import Regularizer
from closerlook.spec import Count, NotNegative, Positive, Share
from closerlook.things import Look

if TYPE_CHECKING:
    from torch import Tensor

    from closerlook.regularizers.setting import Batch, Setting


@dataclass(frozen=True)
class Options:
    """The search for adversarial points in training: units of pixels from 0 to 1, as the paper's defaults are.

    The paper has more iterations.
    """

    radius: Annotated[float, Gt(0), Le(1)] = 0.3 / 255
    """half the side of the box that is searched"""
    step: Positive = 0.25 / 255
    """length of a step along the gradient's sign"""
    noise: NotNegative = 0.2 / 255
    """standard deviation of the noise added to each step"""
    iterations: Count = 10
    """steps of a search"""


def points(setting: Setting) -> Callable[[Tensor, Batch], Batch]:
    """Return what adds to a batch the points that are found near its examples."""
    import torch

    from closerlook.numerics.lass import find_critical
    from closerlook.regularizers.setting import Batch

    options, share, generators = setting.options, setting.strength.unsqueeze(1), setting.generators()

    def change(parameters: Tensor, batch: Batch) -> Batch:
        found = find_critical(
            setting.network,
            parameters,
            batch.inputs,
            options.radius * setting.pixel,
            step=options.step * setting.pixel,
            noise=options.noise * setting.pixel,
            iterations=options.iterations,
            generators=generators,
            drop=False,
        )
        shares = torch.cat([(1 - share).expand(batch.targets.shape), share.expand(batch.targets.shape)], dim=1)
        return Batch(
            inputs=torch.cat([batch.inputs, found.points], dim=1),
            targets=torch.cat([batch.targets, batch.targets], dim=1),
            weight=batch.weight * shares,
        )

    return change


regularizer = Regularizer(
    words="LASS",
    strength=Share,
    meaning="weight of the loss at adversarial points that LASS finds; see its options",
    look=Look("#3C9FD4", "P", 1),
    options=Options,
    changes=points,
    growth=2,
    work=lambda options: 4.0 * options.iterations + 2.0,
)
