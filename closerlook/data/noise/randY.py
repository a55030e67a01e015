"""Uniformly random labels."""

from closerlook.data.noise import Noise
from closerlook.things import Look

noise = Noise(
    words="random labels",
    replaces="labels",
    at_chance=True,
    look=Look("#D55E00", "^"),
    convention="a corrupted label is uniform over all classes, so it may equal the true one; its input is kept",
)


def draw(rng, inputs, labels, statistics):
    """Return labels that are uniform over the classes."""
    return rng.integers(statistics.classes, size=len(labels), dtype="uint8")
