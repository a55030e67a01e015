"""What a dataclass of options says of itself: what each means, and what it may hold, in words and as JSON schema."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, get_args, get_origin

from pydantic import TypeAdapter

from closerlook.spec import Axis, Thing, types_of
from closerlook.things import room


@cache
def meanings(kind: type) -> dict[str, str]:
    """Return the docstring below each attribute of a dataclass, bases included; empty where there is none."""
    found = {entry.name: "" for entry in fields(kind)}
    for base in reversed(kind.__mro__):
        if is_dataclass(base):
            body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0].body
            for node, after in pairwise(body):
                text = getattr(getattr(after, "value", None), "value", None)
                if isinstance(node, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(text, str):
                    found[node.target.id] = " ".join(text.split())
    return found


def section_schema(kind: type, description: str) -> dict[str, Any]:
    """Return a dataclass as JSON schema; which keys must be there is left open."""
    words = meanings(kind)
    properties = {
        name: {**option_schema(annotation), "description": words[name]} for name, annotation in types_of(kind).items()
    }
    return {"type": "object", "description": description, "properties": properties, "additionalProperties": False}


def option_schema(annotation: Any) -> dict[str, Any]:
    """Return what an option may hold as JSON schema; where a list stands for an axis a single value will do."""
    inner, metadata = _split(annotation)
    if is_dataclass(inner):
        return section_schema(inner, "")
    if thing := next((one for one in metadata if isinstance(one, Thing)), None):
        return {"type": "string", "examples": list(room(thing.room).names())}
    if get_origin(inner) is tuple:
        part = option_schema(get_args(inner)[0])
        several = {"type": "array", "items": part}
        return {"anyOf": [part, several]} if Axis in metadata else several
    if get_origin(inner) is dict:
        return {"type": "object", "additionalProperties": option_schema(get_args(inner)[1])}
    if inner is Any:
        return {}
    if type(None) in get_args(inner):
        return {"anyOf": [option_schema(get_args(inner)[0]), {"type": "null"}]}
    return TypeAdapter(annotation).json_schema()


def _split(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        return inner, tuple(metadata)
    return annotation, ()


def kind_words(annotation: Any) -> str:
    """Return what an option may hold in words."""
    inner, metadata = _split(annotation)
    if is_dataclass(inner):
        return "a section"
    if any(isinstance(one, Thing) for one in metadata):
        return "name"
    if get_origin(inner) is tuple:
        part = kind_words(get_args(inner)[0])
        return f"{part}, or a list of such" if Axis in metadata else f"list; each {part}"
    if get_origin(inner) is dict:
        key, value = map(kind_words, get_args(inner))
        return f"mapping; key {key}, value {value}"
    if inner is Any:
        return "as the thing has it"
    if type(None) in get_args(inner):
        return f"{kind_words(get_args(inner)[0])}, or `null`"
    return _scalar_words(option_schema(annotation))


def _scalar_words(part: dict[str, Any]) -> str:
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    words = {"boolean": "`true` or `false`", "string": "text", "integer": "whole number", "number": "number"}
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    known = {sign: part[key] for key, sign in bounds.items() if key in part and part[key] != float("inf")}
    return " ".join([words[part["type"]], ", ".join(f"{sign} {value}" for sign, value in known.items())]).strip()
