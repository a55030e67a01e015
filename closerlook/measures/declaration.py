"""What a measure declares about itself: its options, what it writes, what it needs and what it costs.

Standard library only: these are read at every start of Snakemake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from closerlook.layout import Column, Layout
from closerlook.spec import Ensemble

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


@runtime_checkable
class Size(Protocol):
    """What one network amounts to, as `closerlook.planning.sizes.network_size` counts it."""

    inputs: int
    first: int
    products: int
    parameters: int
    sites: int
    tape: int
    classes: int


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Something that is computed of an ensemble's checkpoints, of its training once more, or of a whole experiment.

    Attributes
    ----------
    options : type
        A frozen dataclass with annotated bounds, each field with a docstring.
    writes : mapping of str to Column
        The arrays of its file by name; ``{checkpoint}`` stands for each of the experiment's checkpoints.
    needs : callable
        From the options of an experiment and the measure's own to a line for each thing that cannot be, such as
        ``"steps: 90 is beyond the last of the 60 updates"``.
    cost : callable, optional
        From specification, size of a network, options and kind of device (``"cpu"`` or ``"cuda"``) to `Work`; without
        it the plan says that the measure is not estimated.
    over : {ENSEMBLE, EXPERIMENT}
        What one job measures.
    """

    options: type
    writes: Mapping[str, Column]
    needs: Callable[[Any, Any], Iterable[str]] = lambda experiment, options: ()
    cost: Callable[[Ensemble, Size, Any, str], Work] | None = None
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
