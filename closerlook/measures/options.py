"""The options of a measure as Python hands them in: `closerlook.config` checks those of a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen

from closerlook.spec import required, types_of


def options_from(kind: type, given: Any) -> Any:
    """Return the options of a dataclass `kind`: as given, from a mapping of some of them, or its defaults for None.

    Raises
    ------
    ValueError
        If the mapping has a key that is no option or lacks one without a default, or an option is out of bounds or,
        by the method `problems` of the options if they have one, does not fit the others; one line that names it.
    """
    values = vars(given) if isinstance(given, kind) else dict(given or {})
    known = types_of(kind)
    if unknown := [name for name in values if name not in known]:
        raise ValueError(f"no option {unknown[0]}; there are: {', '.join(known) or 'none'}")
    if missing := [entry.name for entry in required(kind) if entry.name not in values]:
        raise ValueError(f"option {missing[0]} is needed")
    for name, value in values.items():
        for problem in _problems(known[name], value):
            raise ValueError(f"{name} is {value!r}; {problem}")
    if not isinstance(given, kind):
        given = kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    for problem in given.problems() if hasattr(given, "problems") else ():
        raise ValueError(problem)
    return given


_SIGNS = {Ge: ("at least", lambda a, b: a >= b), Gt: ("more than", lambda a, b: a > b)}
_SIGNS |= {Le: ("at most", lambda a, b: a <= b), Lt: ("less than", lambda a, b: a < b)}


def _problems(kind: Any, value: Any) -> Iterator[str]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from _problems(arguments[0], value)
        for bound in arguments[1:]:
            if isinstance(bound, MinLen) and len(value) < bound.min_length:
                yield f"{bound.min_length} or more are needed"
            elif type(bound) in _SIGNS:
                words, holds = _SIGNS[type(bound)]
                limit = getattr(bound, type(bound).__name__.lower())
                if not holds(value, limit):
                    yield f"it must be {words} {limit:g}"
    elif origin in (Union, UnionType) and value is not None:
        yield from _problems(arguments[0], value)
    elif origin is Literal and value not in arguments:
        yield f"allowed are {', '.join(map(str, arguments))}"
    elif origin is tuple:
        for part in value:
            yield from _problems(arguments[0], part)
