"""What a measure declares about itself: its options, what it writes, what it needs and what it costs.

Standard library only: these are read at every start of Snakemake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from closerlook.layout import Column, Layout

ENSEMBLE, EXPERIMENT = "ensemble", "experiment"
"""What a measure is over: each ensemble by itself, or all of an experiment together."""

ATTRIBUTES = {"spec": "text", "settings": "JSON", "versions": "JSON", "device": "text"}
"""Of every measure's file: what was measured, with which options, by which versions, on what device."""


@dataclass(frozen=True)
class Work:
    """What a measure does beyond starting, loading the data and writing its file: at most, all options spent.

    `flops`: additions and multiplications in matrix products; `steps`: passes of a whole stack, which carry a fixed
    cost; `memory`: bytes that it works on, at their peak; `disk`: bytes of the numbers that it writes.
    """

    flops: float
    steps: int
    memory: int
    disk: int


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Something that is computed of an ensemble's checkpoints, of its training once more, or of a whole experiment.

    Attributes
    ----------
    options : type
        A frozen dataclass with annotated bounds, each field with a docstring. Its method `problems`, if it has one,
        yields a line for each option that does not fit the others.
    writes : mapping of str to Column
        The arrays of its file by name; ``{checkpoint}`` stands for each of the experiment's checkpoints.
    needs : callable
        From the options of an experiment and the measure's own to a line for each thing that cannot be, such as
        ``"steps: 90 is beyond the last of the 60 updates"``.
    cost : callable, optional
        From specification, structure of its network, options and kind of device (``"cpu"`` or ``"cuda"``) to `Work`;
        of a measure over an experiment the first two are sequences. Without it the plan says "not estimated".
    over : {ENSEMBLE, EXPERIMENT}
        What one job measures.
    """

    options: type
    writes: Mapping[str, Column]
    needs: Callable[[Any, Any], Iterable[str]] = lambda experiment, options: ()
    cost: Callable[[Any, Any, Any, str], Work] | None = None
    over: str = ENSEMBLE

    @property
    def layout(self) -> Layout:
        """The layout of its file."""
        return Layout(self.writes, ATTRIBUTES)


def needs_checkpoint(experiment: Any, options: Any = None) -> Iterator[str]:
    """Yield a line if the experiment keeps no checkpoint."""
    kept = experiment.checkpoints
    if not (kept.epochs or kept.fit or kept.losses):
        yield "needs a checkpoint to measure; give checkpoints"
