"""Values from a file against the dataclass that they should be: checked by pydantic, refused in one line.

Options are plain frozen dataclasses; their annotations hold the bounds. pydantic checks what JSON would hold, strictly:
`true` is no number and 3.0 no count.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError

from closerlook.refusal import one_line, shown
from closerlook.spec import Axis, Thing, types_of
from closerlook.things import ThingError, room


class ConfigError(ValueError):
    """The configuration asks for something impossible; the message is one line that names the key."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


DEEPEST = 20
"""Levels of nesting, far above what any option has."""

Place = Callable[[str], str]
"""Tells where an option was written, by its path within what is read: ``regularizers.dropout.0``, or nothing."""


def within(place: Place, option: str) -> Place:
    """Return the place of what an option holds."""
    return lambda path: place(f"{option}.{path}" if path else option)


def checked(kind: Any, values: Any, place: Place) -> Any:
    """Return values as a type of options, which are all within their bounds.

    Parameters
    ----------
    kind : type
        A dataclass, or any other type that pydantic knows.
    values
        What a file holds.
    place : callable
        Where each of them was written.

    Raises
    ------
    ConfigError
        One line that names the key, what it was, and what is allowed.
    """
    values = _listed(kind, _plain(values, place))
    try:
        return _adapter(kind).validate_json(json.dumps(values))
    except ValidationError as error:
        # What is missing may be there under a misspelt name, which says more.
        found = sorted(error.errors(include_url=False), key=lambda each: each["type"] == "missing")
        raise ConfigError(_line(found[0], kind, place)) from None


UNREAD = ("objectives",)
"""Rooms whose things have no light side: they are imported by the jobs that use them, and no earlier."""


def require_things(kind: type, options: Any, place: Place) -> None:
    """Refuse the name of a thing that is in no room, or whose light side cannot be used.

    Raises
    ------
    ConfigError
        One line with the key and the names that there are.
    """
    for name, annotation in types_of(kind).items():
        for value, marker in _named(annotation, getattr(options, name)):
            try:
                of_kind = room(marker.room)
                of_kind.path(value) if marker.room in UNREAD else of_kind[value]
            except ThingError as error:
                raise ConfigError(f"{place(name)}: {error}") from None


def _named(annotation: Any, value: Any) -> Iterator[tuple[Any, Thing]]:
    """Yield each name of a thing in a value, with the marker that says of which room."""
    markers = [one for one in getattr(annotation, "__metadata__", ()) if isinstance(one, Thing)]
    inner = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    if markers:
        yield from ((part, markers[0]) for part in (value if isinstance(value, tuple) else [value]))
    elif get_origin(inner) is tuple or get_origin(inner) is dict:
        for part in value:
            yield from _named(get_args(inner)[0], part)


@cache
def _adapter(kind: Any) -> TypeAdapter:
    for each in _dataclasses(kind):
        if "__pydantic_config__" not in vars(each):
            each.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)
    return TypeAdapter(kind) if is_dataclass(kind) else TypeAdapter(kind, config=ConfigDict(strict=True))


def _dataclasses(kind: Any) -> Iterator[type]:
    if is_dataclass(kind) and isinstance(kind, type):
        yield kind
        for annotation in types_of(kind).values():
            yield from _dataclasses(annotation)
    for part in get_args(kind):
        yield from _dataclasses(part)


def _plain(value: Any, place: Place, path: tuple[str, ...] = ()) -> Any:
    """Return what a file holds as JSON can hold it: words for what it cannot, which no option allows."""
    if len(path) > DEEPEST:
        raise ConfigError(f"{place('.'.join(path[:3]))}: nested too deeply")
    if isinstance(value, Mapping):
        named = ((key if isinstance(key, str) else shown(key), part) for key, part in value.items())
        return {key: _plain(part, place, (*path, key)) for key, part in named}
    if isinstance(value, list | tuple):
        return [_plain(part, place, (*path, str(number))) for number, part in enumerate(value)]
    if isinstance(value, int) and value.bit_length() > 256:
        return shown(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _listed(kind: Any, values: Any) -> Any:
    """Return the values with a list wherever a single value stands for an axis."""
    if not is_dataclass(kind) or not isinstance(values, Mapping):
        return values
    axes = {name for name, annotation in types_of(kind).items() if Axis in getattr(annotation, "__metadata__", ())}
    return {name: [part] if name in axes and not isinstance(part, list | tuple) else part
            for name, part in values.items()}  # fmt: skip


def _line(first: Mapping[str, Any], kind: Any, place: Place) -> str:
    """Return pydantic's first error as one line."""
    unknown = first["type"] in ("unexpected_keyword_argument", "extra_forbidden")
    # pydantic marks a bad key by "[key]" after it; a key that is itself so named can only be an unknown one.
    places = [str(place) for place in first["loc"] if unknown or place != "[key]"]
    where = place(".".join(places))
    if unknown:
        allowed = tuple(entry.name for entry in fields(_section(kind, places[:-1])))
        return f"{where}: unknown key{suggestion(places[-1], allowed)}; allowed: {', '.join(allowed) or 'none'}"
    if "missing" in first["type"]:
        return f"{where}: missing"
    message = first["msg"].removeprefix("Value error, ").replace("Tuple should", "Value should")
    message = message.replace("less than inf", "a finite number")
    return f"{where}: {shown(first['input'])}: {message[0].lower()}{message[1:]}"


def _section(kind: Any, places: list[str]) -> type:
    for place in places:  # a key of a mapping or a place in a list is no option's name
        if place in types_of(kind):
            kind = next(_dataclasses(types_of(kind)[place]), kind)
    return kind


def suggestion(key: str, allowed: tuple[str, ...]) -> str:
    """Return the likely meaning of a misspelt key in words, or nothing."""
    close = difflib.get_close_matches(key[:80], allowed, 1)
    return f" (did you mean {close[0]}?)" if close else ""
