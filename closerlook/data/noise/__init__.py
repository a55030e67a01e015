"""The room of noises: a file for each kind, which says what it replaces, draws it, and how it is spoken of and drawn.

A kind's file has ``noise = Noise(...)`` and, unless it is real data, a function

    def draw(rng, inputs, labels, statistics): ...

of a NumPy generator, the clean inputs float32 (example, number) in [0, 1] pixel units, their labels uint8 (example),
and `closerlook.data.images.Statistics` of the whole training part, with the images' `shape` (channel, row, column) and
the number of `classes`. It returns what every example is corrupted with: inputs in pixel units, in any shape that has
the examples first, or labels. The generator is a seed's own, so that the same seed gives the same noise. `draw` may be
called for any number of examples, and levels are none of its concern: they say how many of the examples are replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from closerlook.spec import REAL
from closerlook.things import Look, Room


@dataclass(frozen=True, kw_only=True)
class Noise:
    """A kind of noise: its words in figures and texts, what of an example it replaces, and its look.

    `convention` says in a sentence what exactly was done; every file of this noise carries it. With `at_chance` the
    noise says nothing of what it replaces, so that a network of pure noise validates at chance, and figures may leave
    it out.
    """

    words: str
    replaces: Literal["inputs", "labels"] | None
    look: Look
    convention: str = ""
    at_chance: bool = False


class Noises(Room):
    """The kinds of noise: real data, which is none, comes first."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all kinds of noise, real data first, the others sorted."""
        return tuple(sorted(super().names(), key=lambda name: (name != REAL, name)))


NOISES = Noises(__name__, "kind of noise", "noise")
