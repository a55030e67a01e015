"""What a user may write into `config.yaml`: typed, strict, refused in one line.

These models are the only definition of the options: the option table in `docs/options.md` and `config.schema.json` are
generated from them (`closerlook.reference`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import prod
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WrapValidator, model_validator

from closerlook.refusal import one_line, shown
from closerlook.validation import suggestion, validation_line

Scale = Literal["smoke", "quick", "paper"]
SCALES: tuple[str, ...] = ("smoke", "quick", "paper")
Dataset = Literal["mnist", "fashion", "cifar10"]

PAPERS = {
    "A": "Deep Nets Don't Learn via Memorization",
    "B": "A Closer Look at Memorization",
    "C": "Three Factors Influencing Minima in SGD",
    "D": "Finding Flatter Minima with SGD",
    "E": "Variational Bi-LSTMs",
}
"""Short titles of the papers."""

MOST_NETWORKS = 100_000
"""In all experiments of a scale; fifty times the papers' own grids, and a plan of them still fits a small memory."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Experiments and figures: their names become those of folders, files, modules, and words of command lines."""

TAKEN = ("noise", "tables", "figures")
"""Folders of a scale's results that are no experiment's."""


class ConfigError(ValueError):
    """The configuration asks for something impossible; the message is one line that names the key."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def _listed(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else [value]


def _no_truth_value(value: Any, validate: Callable[[Any], float]) -> float:
    """Refuse what YAML makes of `yes` and `on`, which Python would take for 1."""
    if isinstance(value, bool):
        raise ValueError(f"{value}: input should be a number, not a truth value")
    return validate(value)


_Number = WrapValidator(_no_truth_value)
# Counts have an end so that a slip of the keyboard is refused here and not by a machine that has run out of memory.
_Typed = BeforeValidator(lambda value: int(value) if isinstance(value, str) and value.isdecimal() else value)
"""Snakemake hands nested values of `--config` on as text."""
Count = Annotated[int, Field(ge=1, le=1_000_000, strict=True), _Typed]
Several = Annotated[int, Field(ge=2, le=1_000_000, strict=True), _Typed]
Epoch = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
Level = Annotated[float, Field(ge=0, le=1), _Number]
Share = Annotated[float, Field(ge=0, lt=1), _Number]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), _Number]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), _Number]


class Strict(BaseModel):
    """A section in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ScheduleOptions(Strict):
    """Stages of a factor over the epochs."""

    stages: dict[Annotated[int, Field(ge=0, le=1_000_000)], Positive] = Field(
        {}, description="first epoch (from 0) of a stage: factor in force from then on, such as {60: 0.1}"
    )
    period: Count | None = Field(None, description="epochs after which the stages begin again; null: they do not")


class CheckpointOptions(Strict):
    """Which states of each network are kept for the measures."""

    epochs: list[Epoch] = Field([], description="after so many epochs; 0 is the initial state")
    fit: bool = Field(False, description="at the first epoch with every training example right")
    losses: list[Positive] = Field(
        [], description="when the loss over the training set first falls to the value, in nats"
    )


class Regularizers(Strict):
    """Strengths; each trains networks of its own, with this regulariser alone, beside the unregularised ones."""

    dropout: list[Share] = Field([], description="share of hidden units dropped")
    input_dropout: list[Share] = Field([], description="share of inputs dropped")
    input_noise: list[NotNegative] = Field(
        [], description="standard deviation of Gaussian noise on standardised inputs"
    )
    hidden_noise: list[NotNegative] = Field([], description="standard deviation of Gaussian noise on hidden units")
    weight_decay: list[NotNegative] = Field([], description="factor of the parameters added to the gradient")
    adversarial: list[NotNegative] = Field(
        [], description="radius, in pixel units from 0 to 1, of fast-gradient-sign examples in half of each batch"
    )


class CurvatureOptions(Strict):
    """The measure `curvature`: largest eigenvalue, trace and Frobenius norm of the Hessian at each checkpoint."""

    tolerance: Positive = Field(1e-3, description="relative tolerance of the largest eigenvalue")
    trace_tolerance: Positive = Field(0.05, description="relative standard error of trace and Frobenius norm")
    max_products: Several = Field(60, description="Hessian-vector products a network for the eigenvalue, at most")
    max_probes: Several = Field(64, description="Hessian-vector products a network for trace and norm, at most")
    examples: Count | None = Field(None, description="size of a seeded subset of the training set; null: all of it")
    dtype: Literal["float32", "float64"] = Field("float32", description="arithmetic of the products")


class Measures(Strict):
    """What is measured of each ensemble of the experiment."""

    curvature: CurvatureOptions | None = Field(None, description="options of the measure; null: not measured")


class ExperimentOptions(Strict):
    """One experiment at one scale. A list is an axis of the grid; a single value may stand for a list of one."""

    paper: Literal["A", "B", "C", "D", "E"] = Field(description="the paper it belongs to, as in papers' order")
    dataset: Annotated[list[Dataset], BeforeValidator(_listed), Field(min_length=1)] = Field(description="data sets")
    image_size: Count = Field(28, description="rows and columns after average pooling by a whole factor")
    examples: Annotated[list[Count], BeforeValidator(_listed), Field(min_length=1)] = Field(
        description="training examples, drawn anew for each seed"
    )
    network: Literal["mlp"] = Field("mlp", description="architecture, a module of closerlook/nets")
    depth: Annotated[Count, Field(le=100)] = Field(2, description="hidden layers")
    width: Annotated[list[Count], BeforeValidator(_listed), Field(min_length=1)] = Field(
        description="units of each hidden layer"
    )
    noise: dict[Literal["none", "randX", "randXg", "randY"], list[Level]] = Field(
        {"none": [0.0]}, description="kinds of noise, each with its levels (share of corrupted training examples)"
    )
    seeds: Count = Field(description="networks per cell of the grid: seeds 0, 1, ...")
    batch_size: Annotated[list[Count], BeforeValidator(_listed), Field(min_length=1)] = Field(
        [32], description="examples a step"
    )
    batch_size_schedule: ScheduleOptions = Field(ScheduleOptions(), description="factors on the batch size")
    learning_rate: Annotated[list[Positive], BeforeValidator(_listed), Field(min_length=1)] = Field(
        [0.01], description="step size of stochastic gradient descent"
    )
    learning_rate_schedule: ScheduleOptions = Field(ScheduleOptions(), description="factors on the learning rate")
    momentum: Share = Field(0.9, description="momentum of stochastic gradient descent")
    regularizers: Regularizers = Field(Regularizers(), description="see below; empty: none")
    epochs: Count = Field(description="passes over the training set, at most")
    after_fit: Epoch | None = Field(
        None, description="epochs that a network trains on once every training example is right; null: until `epochs`"
    )
    evaluate_every: Count = Field(1, description="epochs between evaluations")
    checkpoints: CheckpointOptions = Field(CheckpointOptions(), description="see below")
    measures: Measures = Field(Measures(), description="see below")

    @model_validator(mode="after")
    def _consistent(self) -> ExperimentOptions:
        for axis, values in self._axes():
            if len(set(values)) < len(values):
                raise ValueError(f"{axis}: holds a value twice")
        if not any(self.noise.values()):
            raise ValueError("noise: the grid is empty; give at least one kind with a level, such as none: [0]")
        if any(level != 0 for level in self.noise.get("none", [])):
            raise ValueError("noise.none: only level 0 makes sense for it")
        if late := [epoch for epoch in self.checkpoints.epochs if epoch > self.epochs]:
            raise ValueError(f"checkpoints.epochs: {late[0]} is beyond the last epoch, {self.epochs}")
        if self.after_fit is not None and any(self.checkpoints.epochs):
            raise ValueError(
                "checkpoints.epochs: only 0 is certain to be reached when after_fit ends the training early"
            )
        if max(self.batch_size) > min(self.examples):
            raise ValueError(f"batch_size: {max(self.batch_size)} is more than the {min(self.examples)} examples")
        if self.measures.curvature and not (self.checkpoints.epochs or self.checkpoints.fit or self.checkpoints.losses):
            raise ValueError("measures.curvature: needs a checkpoint to measure; give checkpoints")
        subset = self.measures.curvature.examples if self.measures.curvature else None
        if subset and subset > min(self.examples):
            raise ValueError(f"measures.curvature.examples: {subset} is more than the {min(self.examples)} examples")
        return self

    def _axes(self) -> list[tuple[str, list[Any]]]:
        """Return what may not hold a value twice: it would count one network as two, or two checkpoints as one."""
        return [
            *((name, getattr(self, name)) for name in ("dataset", "examples", "width", "batch_size", "learning_rate")),
            *((f"noise.{kind}", levels) for kind, levels in self.noise.items()),
            *((f"regularizers.{name}", strengths) for name, strengths in self.regularizers),
            ("checkpoints.epochs", self.checkpoints.epochs),
            ("checkpoints.losses", [f"{loss:g}" for loss in self.checkpoints.losses]),
        ]

    def networks(self) -> int:
        """Return how many networks the grid has at most, without expanding it."""
        axes = (self.dataset, self.examples, self.width, self.batch_size, self.learning_rate)
        noises = sum(map(len, self.noise.values()))
        return (
            prod(map(len, axes)) * noises * (1 + sum(len(strengths) for _, strengths in self.regularizers)) * self.seeds
        )


class FigureOptions(Strict):
    """A figure: a module of closerlook/figures, and the experiments whose results it shows."""

    paper: Literal["A", "B", "C", "D", "E"] = Field(description="the paper that it belongs to")
    experiments: Annotated[list[str], Field(min_length=1)] = Field(description="names of experiments")


class DataOptions(Strict):
    """The data sets and what is drawn from them."""

    folder: str | None = Field(None, description="a folder of yours with the official files; tried before any download")
    timeout: Positive = Field(5.0, description="seconds to wait for a server before the next source is tried")
    seeds: Annotated[Count, Field(le=10_000)] = Field(
        10, description="corrupted training sets of each kind; no experiment can have more seeds"
    )
    validation_examples: Count = Field(1000, description="clean examples that validation accuracy is measured on")


class Config(BaseModel):
    """The whole of `config.yaml` at one scale, with the scale's own values filled in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: Scale
    data: DataOptions
    experiments: dict[str, ExperimentOptions]
    figures: dict[str, FigureOptions]


def read_config(raw: Mapping[Any, Any], scale: str | None = None) -> Config:
    """Check the content of `config.yaml` and return it as it holds at one scale.

    A section `scales` in `data` and in each experiment gives the options that differ at a scale.

    Parameters
    ----------
    raw : mapping
        The parsed file, with what the command line changed.
    scale : str, optional
        The scale to return; without it, the one that the file names.

    Raises
    ------
    ConfigError
        One line that names the key, what it was, and what is allowed. All scales are checked, not only the chosen one.
    """
    _require_keys(raw)
    chosen = raw["scale"] if scale is None else scale
    for each in (raw["scale"], chosen):
        if each not in SCALES:
            raise ConfigError(f"scale: {shown(each)} is not a scale; allowed: {', '.join(SCALES)}")
    configs = {each: _at_scale(raw, each) for each in SCALES}
    return configs[chosen]


def _require_keys(raw: Mapping[Any, Any]) -> None:
    allowed = tuple(Config.model_fields)
    for key in raw:
        if key not in allowed:
            raise ConfigError(f"{key}: unknown key{suggestion(str(key), allowed)}; allowed: {', '.join(allowed)}")
    for key in allowed:
        if key not in raw:
            raise ConfigError(f"{key}: missing")
    for key in ("data", "experiments", "figures"):
        if not isinstance(raw[key], Mapping):
            raise ConfigError(f"{key}: must be a mapping, not {shown(raw[key])}")
    for key in ("experiments", "figures"):
        for name in raw[key]:
            if not (isinstance(name, str) and NAME.fullmatch(name)):
                raise ConfigError(
                    f"{key}: {shown(name)} is not a name; allowed: 1 to 64 letters, digits, - and _, the first no sign"
                )
    if taken := [name for name in TAKEN if name in raw["experiments"]]:
        raise ConfigError(f"experiments.{taken[0]}: the results have a folder of this name; give it another")


def _at_scale(raw: Mapping[Any, Any], scale: str) -> Config:
    data = _section(raw["data"], DataOptions, "data", scale)
    experiments = {
        name: _section(options, ExperimentOptions, f"experiments.{name}", scale)
        for name, options in raw["experiments"].items()
    }
    figures = {name: _validated(FigureOptions, options, f"figures.{name}") for name, options in raw["figures"].items()}
    for name, experiment in experiments.items():
        if experiment.seeds > data.seeds:
            raise ConfigError(
                f"experiments.{name}.seeds: {experiment.seeds} is more than data.seeds, {data.seeds}, at scale {scale}"
            )
    for name, figure in figures.items():
        for experiment in figure.experiments:
            if experiment not in experiments:
                raise ConfigError(
                    f"figures.{name}: no experiment {shown(experiment)}; there are: {', '.join(experiments)}"
                )
    _require_bounded(experiments, scale)
    return Config(scale=scale, data=data, experiments=experiments, figures=figures)


def _require_bounded(experiments: Mapping[str, ExperimentOptions], scale: str) -> None:
    networks = {name: experiment.networks() for name, experiment in experiments.items()}
    if sum(networks.values()) > MOST_NETWORKS:
        largest = max(networks, key=networks.__getitem__)
        raise ConfigError(
            f"experiments.{largest}: its grid has {networks[largest]:,} networks at scale {scale}, "
            f"with the other experiments {sum(networks.values()):,}; allowed: {MOST_NETWORKS:,} in all"
        )


def _section(options: Any, model: type[BaseModel], key: str, scale: str) -> Any:
    """Return a section with the scale's values laid over the others; what a scale gives replaces the whole value."""
    if not isinstance(options, Mapping):
        raise ConfigError(f"{key}: must be a mapping, not {shown(options)}")
    scales = {} if options.get("scales") is None else options["scales"]
    if not isinstance(scales, Mapping):
        raise ConfigError(f"{key}.scales: must be a mapping, not {shown(scales)}")
    for name, values in scales.items():
        if name not in SCALES:
            raise ConfigError(f"{key}.scales.{name}: not a scale; allowed: {', '.join(SCALES)}")
        if not isinstance(values, Mapping):
            raise ConfigError(f"{key}.scales.{name}: must be a mapping, not {shown(values)}")
    base = {name: value for name, value in options.items() if name != "scales"}
    own = scales.get(scale, {})
    return _validated(model, {**base, **own}, key, dict.fromkeys(own, f"{key}.scales.{scale}"))


def _validated(model: type[BaseModel], values: Any, key: str, origins: Mapping[Any, str] | None = None) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(validation_line(error, model, key, origins or {})) from None
