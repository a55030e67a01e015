"""What pydantic says of a section that does not fit its model, as one line that names the key and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from closerlook.refusal import shown


def validation_line(error: ValidationError, model: type[BaseModel], key: str, origins: Mapping[Any, str]) -> str:
    """Return the first of the errors in a section as one line.

    Parameters
    ----------
    error : ValidationError
        What pydantic raised.
    model : type of BaseModel
        The section's model.
    key : str
        Where the section stands, such as ``experiments.capacity``.
    origins : mapping
        For options that come from elsewhere, where they stand.
    """
    first = error.errors(include_url=False)[0]
    unknown = first["type"] == "extra_forbidden"
    # pydantic marks a bad key by "[key]" after it; a key that is itself so named can only be an unknown one.
    places = [str(place) for place in first["loc"] if unknown or place != "[key]"]
    where = ".".join([origins.get(places[0], key) if places else key, *places])
    if unknown:
        section = _section_model(model, places[:-1])
        allowed = tuple(section.model_fields)
        return f"{where}: unknown key{suggestion(places[-1], allowed)}; allowed: {', '.join(allowed)}"
    if first["type"] == "missing":
        return f"{where}: missing"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{where}: {message}" if places else f"{key}.{message}"
    return f"{where}: {shown(first['input'])}: {message[0].lower()}{message[1:]}"


def _section_model(model: type[BaseModel], places: list[str]) -> type[BaseModel]:
    for place in places:
        kinds = [model.model_fields[place].annotation, *getattr(model.model_fields[place].annotation, "__args__", ())]
        model = next(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
    return model


def suggestion(key: str, allowed: tuple[str, ...]) -> str:
    """Return the likely meaning of a misspelt key in words, or nothing."""
    close = difflib.get_close_matches(key[:80], allowed, 1)
    return f" (did you mean {close[0]}?)" if close else ""
