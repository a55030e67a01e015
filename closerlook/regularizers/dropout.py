"""Dropout of hidden units (Srivastava et al., 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from closerlook.regularizers import Perturbs, Regularizer
from closerlook.spec import Share
from closerlook.things import Look

if TYPE_CHECKING:
    from torch import Tensor


def kept(draws: Tensor, share: Tensor) -> Tensor:
    """Return 0 for what is dropped, and for the rest what keeps the mean."""
    return (draws >= share).float().div_(1 - share)


regularizer = Regularizer(
    words="dropout",
    strength=Share,
    meaning="share of hidden units dropped",
    look=Look("#117733", "o", 2),
    perturbs=Perturbs(site="hidden", draws="uniform", scale=kept),
)
