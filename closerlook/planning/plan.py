"""What is to be done: expands the experiments into ensembles, the ensembles into files, a figure into its inputs.

Pure bookkeeping over `closerlook.config.reading`, read by every Snakemake process: no torch, no data, no network here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Any

from closerlook import nets
from closerlook.config.checking import ConfigError, Place
from closerlook.config.options import ExperimentOptions
from closerlook.config.reading import Config
from closerlook.data.noise import NOISES
from closerlook.data.sets import SETS, DataError, pooling_factor
from closerlook.figures import measures_of
from closerlook.measures import MEASURES
from closerlook.measures.declaration import ENSEMBLE
from closerlook.nets import NETS
from closerlook.spec import REAL, Ensemble, Member, Recipe, parsed


class PlanError(ValueError):
    """Something is asked for that the configuration does not make; the message is one line."""


@dataclass(frozen=True)
class Subset:
    """A family of training sets: so many examples of a data set at an image size, drawn anew for each seed."""

    dataset: str
    image_size: int
    examples: int


@dataclass(frozen=True)
class Plan:
    """Everything that a configuration makes at its scale.

    Raises
    ------
    ConfigError
        On construction, if an experiment asks for what its data set or network cannot give.
    """

    config: Config

    def __post_init__(self) -> None:
        for name, options in self.config.experiments.items():
            _require_data(options, partial(self.config.place, f"experiments.{name}"))
        _ = self.ensembles

    @property
    def scale(self) -> str:
        """The scale's name."""
        return self.config.scale

    @cached_property
    def ensembles(self) -> dict[str, dict[str, Ensemble]]:
        """Every ensemble, by experiment and by its own name."""
        return {
            name: _expand(options, partial(self.config.place, f"experiments.{name}"))
            for name, options in self.config.experiments.items()
        }

    def ensemble(self, experiment: str, name: str) -> Ensemble:
        """Return one ensemble, or say which there are."""
        return _find("ensemble", name, _find("experiment", experiment, self.ensembles))

    @cached_property
    def subsets(self) -> dict[str, Subset]:
        """Every family of training sets in use, by its name."""
        return {
            ensemble.subset: Subset(ensemble.dataset, ensemble.image_size, ensemble.examples)
            for ensembles in self.ensembles.values()
            for ensemble in ensembles.values()
        }

    def subset(self, name: str) -> Subset:
        """Return one family of training sets, or say which there are."""
        return _find("training set", name, self.subsets)

    def noise(self, kind: str) -> str:
        """Return the kind of noise, or say which there are."""
        return _find("kind of noise", kind, dict.fromkeys(NOISES.names(), kind))

    def measure(self, experiment: str, measure: str) -> Any:
        """Return the options of a measure of an experiment, or say which measures it has."""
        options = _find("experiment", experiment, self.config.experiments).measures
        return _find(f"measure of experiment {experiment}", measure, options)

    def figure_folders(self, figure: str, measure: str | None = None) -> list[tuple[str, str]]:
        """Return the (experiment, ensemble) pairs that a figure shows; with `measure`, those that have it."""
        experiments = _find("figure", figure, self.config.figures).experiments
        return [
            (experiment, ensemble)
            for experiment in experiments
            if measure is None or measure in self.config.experiments[experiment].measures
            for ensemble in self.ensembles[experiment]
        ]

    def figure_ensembles(self, figure: str) -> list[Ensemble]:
        """Return the ensembles that a figure shows."""
        return [self.ensemble(*folder) for folder in self.figure_folders(figure)]

    def figure_measures(self, figure: str) -> tuple[str, ...]:
        """Return the measures that a figure shows, or say that there is no such figure."""
        _find("figure", figure, self.config.figures)
        return measures_of(figure)

    def original_values(self, figure: str) -> list[Path]:
        """Return the file of what was read off the original's plot, in a list; its paper need not have one."""
        options = self.config.figures.get(figure)
        paper = self.config.papers.get(options.paper) if options else None
        path = paper and paper.file(f"targets/{figure}.csv")
        return [path] if path else []

    def claims_files(self) -> list[Path]:
        """Return the papers' files of claims; a paper may have none."""
        return [path for paper in self.config.papers.values() if (path := paper.file("claims.yaml"))]

    def results(self) -> list[str]:
        """Return every file made at this scale, below ``results/<scale>/``, but the manifest that lists them."""
        files = {"claims.json", "tallies.json", "provenance.json", "paper.pdf"}
        files |= {f"papers/{name}.pdf" for name in self.config.papers}
        for figure in self.config.figures:
            files |= {f"tables/{figure}.{kind}" for kind in ("csv", "json")}
            files |= {f"figures/{figure}.{kind}" for kind in ("svg", "pdf")}
        for experiment, ensembles in self.ensembles.items():
            measures = self.config.experiments[experiment].measures
            alone = [name for name in measures if MEASURES[name].over == ENSEMBLE]
            files |= {f"{experiment}/{name}.h5" for name in measures if name not in alone}
            for ensemble in ensembles.values():
                files |= {f"noise/{ensemble.subset}/{noise}.h5" for noise in ensemble.noises}
                files |= {f"{experiment}/{ensemble.name}/{kind}.h5" for kind in ("trained", *alone)}
        return sorted(files)

    def networks(self) -> int:
        """Return how many networks are trained in all."""
        return sum(len(one.members) for ensembles in self.ensembles.values() for one in ensembles.values())


def _find(what: str, name: str, among: dict[str, Any]) -> Any:
    if name not in among:
        raise PlanError(f"no {what} {name!r} here; there are: {', '.join(among) or 'none'}")
    return among[name]


def _require_data(options: ExperimentOptions, place: Place) -> None:
    for name in options.dataset:
        dataset = SETS[name]
        try:
            pooling_factor((dataset.training, *dataset.image_shape), options.image_size)
        except DataError as error:
            option, _, rest = str(error).partition(":")
            raise ConfigError(f"{place(option)}:{rest}") from None
        if max(options.examples) > dataset.training:
            raise ConfigError(
                f"{place('examples')}: {max(options.examples)} is more than the {dataset.training} of {name}"
            )
        if options.validation_examples > dataset.validation:
            raise ConfigError(
                f"{place('validation_examples')}: {options.validation_examples} is more than the {dataset.validation} "
                f"of {name}; without this option, data.validation_examples holds"
            )


RECIPE = tuple(entry.name for entry in fields(Recipe))


def _expand(options: ExperimentOptions, place: Place) -> dict[str, Ensemble]:
    """Return an experiment's ensembles by name: one per combination of what changes tensor shapes or data.

    Raises
    ------
    ConfigError
        If a network cannot be of such a shape or be trained so, or two ensembles would have one name.
    """
    recipe = {name: getattr(options, name) for name in RECIPE}
    members, found = tuple(_members(options)), {}
    for dataset, examples, width, batch_size in product(
        options.dataset, options.examples, options.width, options.batch_size
    ):
        ensemble = Ensemble(
            **recipe,
            dataset=dataset,
            examples=examples,
            widths=nets.widths(options.network, width, parsed(NETS[options.network].options, options.network_options)),
            batch_size=batch_size,
            members=members,
        )
        for problem in nets.problems(ensemble, *_shape(ensemble)):
            option, _, rest = problem.partition(":")
            raise ConfigError(f"{place(option)}:{rest}")
        if ensemble.name in found:
            raise ConfigError(f"{place('')}: two ensembles would be called {ensemble.name}")
        found[ensemble.name] = ensemble
    return found


def _shape(ensemble: Ensemble) -> tuple[tuple[int, int, int], int]:
    """Return the shape of an ensemble's inputs, (channel, row, column), and the number of its classes."""
    dataset, size = SETS[ensemble.dataset], ensemble.image_size
    return (dataset.image_shape[0], size, size), ensemble.examples if ensemble.own_class else dataset.classes


def _members(options: ExperimentOptions) -> Iterator[Member]:
    noises = [(kind, level) for kind, levels in options.noise.items() for level in levels if level > 0]
    if any(0 in levels for levels in options.noise.values()):
        noises.insert(0, (REAL, 0.0))  # level 0 of any kind is the same clean training set
    for regularizers, (noise, level), learning_rate, seed in product(
        options.combinations(), noises, options.learning_rate, range(options.seeds)
    ):
        yield Member(seed, noise, level, learning_rate, options.momentum, regularizers)
