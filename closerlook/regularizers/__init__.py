"""What makes memorization harder."""

from __future__ import annotations

from dataclasses import dataclass

from closerlook.spec import Ensemble


@dataclass(frozen=True)
class Lass:
    """How training searches for adversarial points (`closerlook.numerics.lass`), in pixel units from 0 to 1.

    The defaults are those of *A Closer Look at Memorization* on 0 to 255, with fewer `iterations`.
    """

    radius: float = 0.3 / 255
    step: float = 0.25 / 255
    noise: float = 0.2 / 255
    iterations: int = 10


def lass_settings(spec: Ensemble) -> Lass:
    """Return how an ensemble's training searches for adversarial points."""
    return Lass(**spec.options_of("lass"))
