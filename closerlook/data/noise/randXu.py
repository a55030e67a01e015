"""Uniform inputs, as the original script for loss sensitivity in *A Closer Look at Memorization* drew them."""

from closerlook.data.noise import Noise
from closerlook.things import Look

noise = Noise(
    words="random inputs (uniform)",
    replaces="inputs",
    at_chance=True,
    look=Look("#CC79A7", "v"),
    convention="a corrupted input is uniform on [0, 1], independent per pixel; its label is kept",
)


def draw(rng, inputs, labels, statistics):
    """Return inputs that are uniform on [0, 1]."""
    return rng.random((len(labels), *statistics.shape), "float32")
