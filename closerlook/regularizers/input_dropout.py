"""Dropout of inputs."""

from closerlook.regularizers import Perturbs, Regularizer
from closerlook.regularizers.dropout import kept
from closerlook.spec import Share
from closerlook.things import Look

regularizer = Regularizer(
    words="input dropout",
    strength=Share,
    meaning="share of inputs dropped",
    look=Look("#44AA99", "s", 3),
    perturbs=Perturbs(site="inputs", draws="uniform", scale=kept),
)
