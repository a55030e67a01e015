"""What is to be done: expands the experiments into ensembles, the ensembles into files, a figure into its inputs.

Pure bookkeeping over `closerlook.config.reading`, read by every Snakemake process: no torch, no data, no network here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from closerlook.config.options import ExperimentOptions, ScheduleOptions
from closerlook.config.reading import Config, ConfigError
from closerlook.data.sets import SETS, DataError, pooling_factor
from closerlook.spec import NOISE_KINDS, Answers, Checkpoints, Ensemble, Member, Schedule


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
            _require_data(f"experiments.{name}", options, self.config.data.validation_examples)
        _ = self.ensembles

    @property
    def scale(self) -> str:
        """The scale's name."""
        return self.config.scale

    @cached_property
    def ensembles(self) -> dict[str, dict[str, Ensemble]]:
        """Every ensemble, by experiment and by its own name."""
        return {
            name: {ensemble.name: ensemble for ensemble in _expand(options, self.config.data.validation_examples)}
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
        return _find("kind of noise", kind, dict(zip(NOISE_KINDS, NOISE_KINDS, strict=True)))

    def measure(self, experiment: str, measure: str) -> dict[str, Any]:
        """Return the options of a measure of an experiment, or say which measures it has."""
        options = _find("experiment", experiment, self.config.experiments).measures
        chosen = {name: values for name, values in options if values is not None}
        return _find(f"measure of experiment {experiment}", measure, chosen).model_dump()

    def figure_folders(self, figure: str, measure: str | None = None) -> list[tuple[str, str]]:
        """Return the (experiment, ensemble) pairs that a figure shows; with `measure`, those that have it."""
        experiments = _find("figure", figure, self.config.figures).experiments
        return [
            (experiment, ensemble)
            for experiment in experiments
            if measure is None or getattr(self.config.experiments[experiment].measures, measure) is not None
            for ensemble in self.ensembles[experiment]
        ]

    def results(self) -> list[str]:
        """Return every file made at this scale, below ``results/<scale>/``, but the manifest that lists them."""
        files = {"claims.json", "provenance.json", "paper.pdf"}
        for figure in self.config.figures:
            files |= {f"tables/{figure}.{kind}" for kind in ("csv", "json")}
            files |= {f"figures/{figure}.{kind}" for kind in ("svg", "pdf")}
        for experiment, ensembles in self.ensembles.items():
            measures = [name for name, options in self.config.experiments[experiment].measures if options is not None]
            for ensemble in ensembles.values():
                files |= {f"noise/{ensemble.subset}/{noise}.h5" for noise in ensemble.noises}
                files |= {f"{experiment}/{ensemble.name}/{kind}.h5" for kind in ("trained", *measures)}
        return sorted(files)

    def networks(self) -> int:
        """Return how many networks are trained in all."""
        return sum(len(one.members) for ensembles in self.ensembles.values() for one in ensembles.values())


def _find(what: str, name: str, among: dict[str, Any]) -> Any:
    if name not in among:
        raise PlanError(f"no {what} {name!r} here; there are: {', '.join(among) or 'none'}")
    return among[name]


def _require_data(key: str, options: ExperimentOptions, validation_examples: int) -> None:
    for name in options.dataset:
        dataset = SETS[name]
        try:
            pooling_factor((dataset.training, *dataset.image_shape), options.image_size)
        except DataError as error:
            raise ConfigError(f"{key}.{error}") from None
        if max(options.examples) > dataset.training:
            raise ConfigError(f"{key}.examples: {max(options.examples)} is more than the {dataset.training} of {name}")
        if validation_examples > dataset.validation:
            raise ConfigError(
                f"data.validation_examples: {validation_examples} is more than the {dataset.validation} of {name}"
            )


def _expand(options: ExperimentOptions, validation_examples: int) -> Iterator[Ensemble]:
    """Yield an experiment's ensembles: one per combination of the options that change tensor shapes or data."""
    for dataset, examples, width, batch_size in product(
        options.dataset, options.examples, options.width, options.batch_size
    ):
        yield Ensemble(
            dataset=dataset,
            image_size=options.image_size,
            examples=examples,
            validation_examples=validation_examples,
            network=options.network,
            widths=_widths(options, width),
            batch_size=batch_size,
            epochs=options.epochs,
            members=tuple(_members(options)),
            learning_rate_schedule=_schedule(options.learning_rate_schedule),
            batch_size_schedule=_schedule(options.batch_size_schedule),
            checkpoints=Checkpoints(
                tuple(options.checkpoints.epochs), options.checkpoints.fit, tuple(options.checkpoints.losses)
            ),
            after_fit=options.after_fit,
            evaluate_every=options.evaluate_every,
            objective=options.objective,
            same_examples=options.same_examples,
            own_class=options.own_class,
            with_replacement=options.with_replacement,
            answers=Answers(tuple(options.answers.steps), options.answers.examples)
            if options.answers.steps
            else Answers(),
            regularizer_options={"lass": set_options} if (set_options := _lass_options(options)) else {},
        )


ALEXNET_DENSE = (1.92, 0.96)
"""Units of the dense layers over the filters of a convolution: 384 and 192 with 200 (B.1 of the paper's set-up)."""


def _widths(options: ExperimentOptions, width: int) -> tuple[int, ...]:
    """Return the sizes of the hidden layers that a width stands for."""
    if options.network == "alexnet":
        return (width, width, *(max(1, round(share * width)) for share in ALEXNET_DENSE))
    return (width,) * options.depth


def _schedule(options: ScheduleOptions) -> Schedule:
    return Schedule(options.stages, options.period)


def _lass_options(options: ExperimentOptions) -> dict[str, Any]:
    """Return what is set of the options of LASS, where it is used."""
    used = options.regularizers.lass or any("lass" in each for each in options.regularizers.combined)
    return options.lass.model_dump(exclude_defaults=True) if used else {}


def _members(options: ExperimentOptions) -> Iterator[Member]:
    regularizers = [
        {},
        *(
            {name: strength}
            for name, strengths in options.regularizers.alone()
            for strength in strengths
            if strength > 0
        ),
        *options.regularizers.combined,
    ]
    noises = [(kind, level) for kind, levels in options.noise.items() for level in levels if level > 0]
    if any(0 in levels for levels in options.noise.values()):
        noises.insert(0, ("none", 0.0))  # level 0 of any kind is the same clean training set
    for regularizer, (noise, level), learning_rate, seed in product(
        regularizers, noises, options.learning_rate, range(options.seeds)
    ):
        yield Member(
            seed=seed,
            noise=noise,
            level=level,
            learning_rate=learning_rate,
            momentum=options.momentum,
            regularizers={name: strength for name, strength in regularizer.items() if strength > 0},
        )
