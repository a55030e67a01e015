"""Gaussian inputs, mean and variance matched pixel by pixel: a pixel that is always black stays black.

Arpit et al. (2017) describe randX as i.i.d. Gaussian inputs with the mean and variance of the real data set, which
leaves open whether these are taken per pixel (here) or overall (`randXg`).
"""

from closerlook.data.noise import Noise
from closerlook.things import Look

noise = Noise(
    words="random inputs",
    replaces="inputs",
    at_chance=True,
    look=Look("#0072B2", "s"),
    convention="a corrupted input is Gaussian, independent per pixel, with that pixel's mean and standard deviation "
    "over the training part, in [0, 1] units, not clipped; its label is kept",
)


def draw(rng, inputs, labels, statistics):
    """Return Gaussian inputs with each pixel's moments."""
    values = rng.standard_normal((len(labels), *statistics.shape), "float32")
    values *= statistics.pixel_std.astype("float32")
    values += statistics.pixel_mean.astype("float32")
    return values
