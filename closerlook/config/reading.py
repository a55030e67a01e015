"""What a user may write into `config.yaml`: typed, strict, refused in one line.

The models of `closerlook.config.options` are the only definition of the options: the option table in `docs/options.md`
and `config.schema.json` are generated from them (`closerlook.config.reference`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from closerlook.config.messages import suggestion, validation_line
from closerlook.config.options import DataOptions, ExperimentOptions, FigureOptions
from closerlook.refusal import one_line, shown

Scale = Literal["smoke", "quick", "paper"]
SCALES: tuple[str, ...] = ("smoke", "quick", "paper")

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


class Config(BaseModel):
    """The whole of `config.yaml` at one scale, with the scale's own values filled in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: Scale
    data: DataOptions
    experiments: dict[str, ExperimentOptions]
    figures: dict[str, FigureOptions]


def read_config(raw: Mapping[Any, Any], scale: str | None = None) -> Config:
    """Check the content of `config.yaml` and return it as it holds at one scale.

    A section `scales` in `data` and in each experiment gives the options that differ at a scale; null there leaves an
    experiment out at that scale.

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
        if not _absent(options, scale)
    }
    figures = {
        name: _figure(name, options, raw["experiments"], experiments, scale) for name, options in raw["figures"].items()
    }
    for name, experiment in experiments.items():
        if experiment.seeds > data.seeds and not experiment.same_examples:
            raise ConfigError(
                f"experiments.{name}.seeds: {experiment.seeds} is more than data.seeds, {data.seeds}, at scale {scale}"
            )
        critical = experiment.measures.critical_samples
        if critical and (critical.examples or 0) > data.validation_examples:
            raise ConfigError(
                f"experiments.{name}.measures.critical_samples.examples: {critical.examples} is more than "
                f"data.validation_examples, {data.validation_examples}, at scale {scale}"
            )
    _require_bounded(experiments, scale)
    return Config(scale=scale, data=data, experiments=experiments, figures=figures)


def _absent(options: Any, scale: str) -> bool:
    """Whether an experiment says ``scales: {<scale>: null}``: it is not made there."""
    scales = options.get("scales") if isinstance(options, Mapping) else None
    return isinstance(scales, Mapping) and scale in scales and scales[scale] is None


def _figure(
    name: str, options: Any, known: Mapping[str, Any], experiments: Mapping[str, ExperimentOptions], scale: str
) -> FigureOptions:
    """Return a figure with those of its experiments that are made at the scale."""
    figure = _validated(FigureOptions, options, f"figures.{name}")
    if unknown := [each for each in figure.experiments if each not in known]:
        raise ConfigError(f"figures.{name}: no experiment {shown(unknown[0])}; there are: {', '.join(known)}")
    present = [each for each in figure.experiments if each in experiments]
    if not present:
        raise ConfigError(f"figures.{name}: none of its experiments is made at scale {scale}")
    return figure.model_copy(update={"experiments": present})


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
        if not isinstance(values, Mapping) and not (values is None and model is ExperimentOptions):
            raise ConfigError(f"{key}.scales.{name}: must be a mapping, not {shown(values)}")
    base = {name: value for name, value in options.items() if name != "scales"}
    own = scales.get(scale, {})
    return _validated(model, {**base, **own}, key, dict.fromkeys(own, f"{key}.scales.{scale}"))


def _validated(model: type[BaseModel], values: Any, key: str, origins: Mapping[Any, str] | None = None) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(validation_line(error, model, key, origins or {})) from None
