"""Gaussian noise on inputs."""

from closerlook.regularizers import Perturbs, Regularizer
from closerlook.spec import NotNegative
from closerlook.things import Look

regularizer = Regularizer(
    words="input noise",
    strength=NotNegative,
    meaning="standard deviation of Gaussian noise on standardised inputs",
    look=Look("#CC6677", "^", 5),
    perturbs=Perturbs(site="inputs", draws="normal", shift=lambda draws, deviation: draws.mul_(deviation)),
)
