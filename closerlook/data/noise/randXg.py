"""Gaussian inputs, one mean and variance for all pixels: those that are always black carry noise."""

from closerlook.data.noise import Noise
from closerlook.things import Look

noise = Noise(
    words="random inputs (global)",
    replaces="inputs",
    at_chance=True,
    look=Look("#009E73", "D"),
    convention="a corrupted input is Gaussian, independent per pixel, with one mean and standard deviation over all "
    "pixels of the training part, in [0, 1] units, not clipped; its label is kept",
)


def draw(rng, inputs, labels, statistics):
    """Return Gaussian inputs with the moments of all pixels."""
    values = rng.standard_normal((len(labels), *statistics.shape), "float32")
    values *= statistics.std
    values += statistics.mean
    return values
