"""Gaussian noise on hidden units."""

from closerlook.regularizers import Perturbs, Regularizer
from closerlook.spec import NotNegative
from closerlook.things import Look

regularizer = Regularizer(
    words="hidden noise",
    strength=NotNegative,
    meaning="standard deviation of Gaussian noise on hidden units",
    look=Look("#882255", "X", 6),
    perturbs=Perturbs(site="hidden", draws="normal", shift=lambda draws, deviation: draws.mul_(deviation)),
)
