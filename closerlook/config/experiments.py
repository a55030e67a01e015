"""One experiment, from what a file holds to options that are all possible: those of the things that it names, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from closerlook.config.checking import ConfigError, checked, require_things
from closerlook.config.consistency import contradictions
from closerlook.config.options import COMBINED, ExperimentOptions
from closerlook.measures import MEASURES
from closerlook.nets import NETS
from closerlook.regularizers import REGULARIZERS
from closerlook.spec import plain
from closerlook.things import ThingError


def read_experiment(values: Any, key: str, origins: Mapping[Any, str]) -> ExperimentOptions:
    """Return an experiment's options; those of its measures are objects of the measures' own `Options`.

    Parameters
    ----------
    values : mapping
        What the files say of it at one scale.
    key : str
        Where it stands, such as ``experiments.capacity``.
    origins : mapping
        For options that come from elsewhere, where they stand.

    Raises
    ------
    ConfigError
        One line that names the key, what it was, and what is allowed.
    """
    options = checked(ExperimentOptions, values, key, origins)
    require_things(ExperimentOptions, options, key)

    def place(option: str) -> str:
        return f"{origins.get(option, key)}.{option}"

    options = replace(
        options,
        network_options=_own(NETS[options.network].options, options.network_options, place("network_options")),
        regularizers=_strengths(options.regularizers, place("regularizers")),
        regularizer_options=_regularizer_options(options.regularizer_options, place("regularizer_options")),
        measures={
            name: checked(MEASURES[name].options, given, f"{place('measures')}.{name}")
            for name, given in options.measures.items()
            if given is not None
        },
    )
    for problem in contradictions(options):
        option = problem.partition(":")[0].partition(".")[0]
        raise ConfigError(f"{origins.get(option, key)}.{problem}")
    return options


def _own(kind: type | None, given: dict[str, Any], key: str) -> dict[str, Any]:
    """Return what is set of a thing's options, without what is at its default: it is a part of specifications."""
    if kind is None:
        if given:
            raise ConfigError(f"{key}: it has no options")
        return {}
    return plain(checked(kind, given, key))


def _strengths(given: dict[str, Any], key: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, values in given.items():
        if name == COMBINED:
            found[name] = tuple(
                {one: _strength(one, value, f"{key}.{name}.{number}.{one}") for one, value in several.items()}
                for number, several in enumerate(checked(tuple[dict[str, Any], ...], values, f"{key}.{name}"))
            )
        else:
            values = values if isinstance(values, list | tuple) else [values]
            found[name] = tuple(
                _strength(name, value, f"{key}.{name}.{number}") for number, value in enumerate(values)
            )
    return found


def _strength(regularizer: str, value: Any, key: str) -> float:
    try:
        kind = REGULARIZERS[regularizer].strength
    except ThingError as error:
        raise ConfigError(f"{key}: {error}") from None
    return checked(kind, value, key)


def _regularizer_options(given: dict[str, dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    try:
        found = {name: _own(REGULARIZERS[name].options, own, f"{key}.{name}") for name, own in given.items()}
    except ThingError as error:
        raise ConfigError(f"{key}: {error}") from None
    return {name: own for name, own in found.items() if own}


def whole(options: ExperimentOptions) -> dict[str, Any]:
    """Return all that holds of an experiment as what JSON can hold, defaults included: for whoever reads about it."""
    content = {entry.name: getattr(options, entry.name) for entry in fields(options)}
    content["network_options"] = _filled(NETS[options.network].options, options.network_options)
    used = {name for several in options.combinations() for name in several}
    content["regularizer_options"] = {
        name: _filled(REGULARIZERS[name].options, options.regularizer_options.get(name, {}))
        for name in sorted(used)
        if REGULARIZERS[name].options
    }
    return {name: _jsonable(value) for name, value in content.items()}


def _filled(kind: type | None, given: dict[str, Any]) -> dict[str, Any]:
    return _jsonable(checked(kind, given, "")) if kind else {}


def _jsonable(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return _jsonable(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _jsonable(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_jsonable(part) for part in value]
    return value
