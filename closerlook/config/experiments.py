"""One experiment, from what a file holds to options that are all possible: those of the things that it names, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from closerlook.config.checking import ConfigError, Place, checked, require_things, within
from closerlook.config.consistency import contradictions
from closerlook.config.options import COMBINED, ExperimentOptions
from closerlook.measures import MEASURES
from closerlook.nets import NETS
from closerlook.regularizers import REGULARIZERS
from closerlook.spec import parsed, plain
from closerlook.things import ThingError


def read_experiment(values: Any, place: Place) -> ExperimentOptions:
    """Return an experiment's options; those of its measures are objects of the measures' own `Options`.

    Parameters
    ----------
    values : mapping
        What the files say of it at one scale.
    place : callable
        Where each of them was written.

    Raises
    ------
    ConfigError
        One line that names the place, what it was, and what is allowed.
    """
    options = checked(ExperimentOptions, values, place)
    require_things(ExperimentOptions, options, place)
    options = replace(
        options,
        network_options=_own(NETS[options.network].options, options.network_options, within(place, "network_options")),
        regularizers=_strengths(options.regularizers, within(place, "regularizers")),
        regularizer_options=_regularizer_options(options.regularizer_options, within(place, "regularizer_options")),
        measures={
            name: checked(MEASURES[name].options, given, within(place, f"measures.{name}"))
            for name, given in options.measures.items()
            if given is not None
        },
    )
    for problem in contradictions(options):
        option, colon, rest = problem.partition(":")
        raise ConfigError(f"{place(option)}{colon}{rest}")
    return options


def _own(kind: type | None, given: dict[str, Any], place: Place) -> dict[str, Any]:
    """Return what is set of a thing's options, without what is at its default: it is a part of specifications."""
    if kind is None and given:
        raise ConfigError(f"{place('')}: it has no options")
    return plain(checked(kind, given, place)) if kind else {}


def _strengths(given: dict[str, Any], place: Place) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, values in given.items():
        if name == COMBINED:
            several = checked(tuple[dict[str, Any], ...], values, within(place, name))
            found[name] = tuple(
                {one: _strength(one, value, within(place, f"{name}.{number}.{one}")) for one, value in each.items()}
                for number, each in enumerate(several)
            )
        else:
            values = values if isinstance(values, list | tuple) else [values]
            found[name] = tuple(
                _strength(name, value, within(place, f"{name}.{number}")) for number, value in enumerate(values)
            )
    return found


def _strength(regularizer: str, value: Any, place: Place) -> float:
    return checked(_regularizer(regularizer, place).strength, value, place)


def _regularizer(name: str, place: Place) -> Any:
    try:
        return REGULARIZERS[name]
    except ThingError as error:
        raise ConfigError(f"{place('')}: {error}") from None


def _regularizer_options(given: dict[str, dict[str, Any]], place: Place) -> dict[str, dict[str, Any]]:
    found = {}
    for name, own in given.items():
        found[name] = _own(_regularizer(name, within(place, name)).options, own, within(place, name))
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
    return _jsonable(parsed(kind, given)) if kind else {}


def _jsonable(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return _jsonable(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _jsonable(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_jsonable(part) for part in value]
    return value
