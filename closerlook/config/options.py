"""The sections of the configuration: every option with its bounds and its meaning, and what they come to together.

What an experiment says about training is `closerlook.spec.Recipe`, as it stands; here are the axes of its grid and
what belongs to experiments alone. Options of a network, an objective, a regularizer or a measure are the thing's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil, prod
from typing import Annotated, Any

from annotated_types import Le, MinLen

from closerlook.data.own import OwnDataSet
from closerlook.spec import REAL, Axis, Count, Level, Positive, Recipe, Share, Thing

COMBINED = "combined"
"""The key beside the names of regularizers under which several at once stand."""


@dataclass(frozen=True, kw_only=True)
class ExperimentOptions(Recipe):
    """One experiment at one scale. A list is an axis of the grid; a single value may stand for a list of one."""

    paper: str = ""
    """the paper it belongs to; in a paper's own file the folder says it"""
    dataset: Annotated[tuple[Annotated[str, Thing("data.sets")], ...], MinLen(1), Axis]
    """data sets"""
    examples: Annotated[tuple[Count, ...], MinLen(1), Axis]
    """training examples, drawn anew for each seed"""
    width: Annotated[tuple[Count, ...], MinLen(1), Axis]
    """what the sizes of a network's hidden layers follow from: units of each of an mlp, filters of an alexnet"""
    noise: dict[Annotated[str, Thing("data.noise")], tuple[Level, ...]] = field(default_factory=lambda: {REAL: (0.0,)})
    """kinds of noise, each with its levels: the share of corrupted training examples"""
    seeds: Count
    """networks per cell of the grid: seeds 0, 1, ..."""
    batch_size: Annotated[tuple[Count, ...], MinLen(1), Axis] = (32,)
    """examples a step"""
    learning_rate: Annotated[tuple[Positive, ...], MinLen(1), Axis] = (0.01,)
    """step size of gradient descent"""
    momentum: Share = 0.9
    """momentum of gradient descent"""
    regularizers: dict[str, Any] = field(default_factory=dict)
    """regularizer: its strengths, each of which trains networks of its own with it alone, beside those without any;
    combined: several at once, such as [{dropout: 0.25, lass: 0.5}]"""
    measures: dict[Annotated[str, Thing("measures")], Any] = field(default_factory=dict)
    """measure: its options; null: not measured"""

    def combinations(self) -> Iterator[dict[str, float]]:
        """Yield every combination of regularizers that networks are trained with, the first with none."""
        yield {}
        for name, strengths in self.regularizers.items():
            if name != COMBINED:
                yield from ({name: strength} for strength in strengths if strength > 0)
        for several in self.regularizers.get(COMBINED, ()):
            yield {name: strength for name, strength in several.items() if strength > 0}

    def networks(self) -> int:
        """Return how many networks the grid has at most, without expanding it."""
        axes = (self.dataset, self.examples, self.width, self.batch_size, self.learning_rate)
        noises = sum(map(len, self.noise.values()))
        return prod(map(len, axes)) * noises * sum(1 for _ in self.combinations()) * self.seeds

    def updates(self) -> int:
        """Return how many updates the shortest of its trainings takes: examples and batch sizes may be axes."""
        return self.epochs * ceil(min(self.examples) / max(self.batch_size))


@dataclass(frozen=True, kw_only=True)
class FigureOptions:
    """A figure, and the experiments whose results it shows."""

    paper: str = ""
    """the paper it belongs to; in a paper's own file the folder says it"""
    experiments: Annotated[tuple[str, ...], MinLen(1)]
    """names of experiments"""


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The data sets and what is drawn from them."""

    folder: str | None = None
    """a folder of yours with the official files; tried before any download"""
    timeout: Positive = 5.0
    """seconds to wait for a server before the next source is tried"""
    seeds: Annotated[Count, Le(10_000)] = 10
    """corrupted training sets of each kind; no experiment can have more seeds"""
    validation_examples: Count = 1000
    """clean examples that validation accuracy is measured on"""
    own: dict[str, OwnDataSet] = field(default_factory=dict)
    """data sets of yours, by name; see below"""
