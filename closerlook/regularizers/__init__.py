"""What makes memorization harder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from closerlook.spec import Count, Ensemble, NotNegative, Positive, Share


@dataclass(frozen=True)
class Lass:
    """How training searches for adversarial points (`closerlook.numerics.lass`), in pixel units from 0 to 1.

    The defaults are those of *A Closer Look at Memorization* on 0 to 255, with fewer `iterations`.
    """

    radius: Positive = 0.3 / 255
    """half the side of the box that is searched"""
    step: Positive = 0.25 / 255
    """length of a step along the gradient's sign"""
    noise: NotNegative = 0.2 / 255
    """standard deviation of the noise added to each step"""
    iterations: Count = 10
    """steps of a search"""


def lass_settings(spec: Ensemble) -> Lass:
    """Return how an ensemble's training searches for adversarial points."""
    return Lass(**spec.options_of("lass"))


@dataclass(frozen=True)
class Regularizer:
    """A regularizer: the bounds of its strength, and the options that it has besides."""

    strength: Any
    options: type | None = None


REGULARIZERS = {
    "dropout": Regularizer(Share),
    "input_dropout": Regularizer(Share),
    "input_noise": Regularizer(NotNegative),
    "hidden_noise": Regularizer(NotNegative),
    "weight_decay": Regularizer(NotNegative),
    "adversarial": Regularizer(NotNegative),
    "lass": Regularizer(Share, Lass),
}
