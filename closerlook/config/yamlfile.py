"""YAML as it is written by people: what could be read in two ways, or would be lost, is refused with its line.

Snakemake's own reader takes the last of two equal keys, says nothing of where a syntax error stands, and reads `010` as
8, `1:30` as 90 and `no` as a truth value, as YAML 1.1 has it. Here scalars are those of YAML 1.2's core schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import yaml

from closerlook.refusal import one_line, shown


class YamlError(ValueError):
    """A file cannot be read as YAML; the message is one line with the file, the line and the column."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def read_yaml(path: str | Path, name: str | None = None) -> Any:
    """Return the content of a YAML file; None if it holds nothing.

    Parameters
    ----------
    path : path
        The file: one document, in UTF-8.
    name : str, optional
        What messages call it; its path without it.

    Raises
    ------
    YamlError
        If it cannot be opened, is no UTF-8 text, breaks YAML's syntax, holds a key twice in one mapping (both lines are
        named), or a number with a leading zero, which is 8 or 10 depending on who reads it.
    """
    name = str(path) if name is None else name
    return parse_yaml(_text(Path(path), name), name)


def parse_yaml(text: str, name: str) -> Any:
    """Return the content of a YAML text, as strictly as `read_yaml`, which says what is refused; `name` is its name."""
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        raise YamlError(f"{name}: {_place(error.problem_mark)}: {_problem(error, text)}") from None
    except RecursionError:
        raise YamlError(f"{name}: is nested too deeply, or holds itself") from None


def typed(value: Any) -> Any:
    """Return a value of the command line with its texts read as in a file; Snakemake hands nested ones on as text."""
    match value:
        case dict():
            return {typed(key): typed(part) for key, part in value.items()}
        case list():
            return [typed(part) for part in value]
        case str():
            return next((read(value) for _, form, read in FORMS if form.fullmatch(value)), value)
    return value


def _text(path: Path, name: str) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise YamlError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise YamlError(f"{name}: is a folder, not a file") from None
    except OSError as error:
        raise YamlError(f"{name}: cannot be read ({error.strerror})") from None
    try:
        text = content.decode("utf-8-sig")  # Windows' editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise YamlError(f"{name}: line {line}: is not UTF-8 text; save the file in this encoding") from None
    if odd := yaml.reader.Reader.NON_PRINTABLE.search(text):
        line = text[: odd.start()].count("\n") + 1
        raise YamlError(f"{name}: line {line}: holds {shown(odd.group())}, which no text has; save the file as UTF-8")
    return text


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _problem(error: yaml.MarkedYAMLError, text: str) -> str:
    mark, lines = error.problem_mark, text.splitlines()
    if mark.line < len(lines) and lines[mark.line][mark.column : mark.column + 1] == "\t":
        return "a tab; indent by spaces"
    context = f" ({error.context} from line {error.context_mark.line + 1})" if error.context_mark else ""
    return f"{error.problem}{context}"


def _decimal(text: str) -> int | str:
    # Python itself refuses to read a number of thousands of digits; as text it is refused where it stands.
    return int(text) if len(text) < 4000 else text


def _special(text: str) -> float:
    return float(text.lower().replace(".", ""))


FORMS: tuple[tuple[str, re.Pattern[str], Callable[[str], Any]], ...] = (
    ("null", re.compile(r"~|null|Null|NULL|"), lambda _: None),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text.lower() == "true"),
    ("int", re.compile(r"[-+]?(0|[1-9][0-9]*)"), _decimal),
    ("int", re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 16)),
    ("float", re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    ("float", re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), _special),
)
"""What a scalar without quotes may be: tag, form, and how it is read. Anything else is text."""

LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+(\.[0-9_]*)?([eE][-+]?[0-9]+)?")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's safe loader (libyaml's where it is there) with the scalars of YAML 1.2, and no key twice."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 (PyYAML's way)
    yaml_constructors: dict[Any, Any] = {}  # noqa: RUF012


def _refuse(node: yaml.Node, problem: str) -> None:
    raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _scalar(kind: str) -> Callable[[_Loader, yaml.Node], Any]:
    def construct(loader: _Loader, node: yaml.Node) -> Any:
        text = loader.construct_scalar(node)
        for each, form, read in FORMS:
            if each == kind and form.fullmatch(text):
                return read(text)
        return _refuse(node, f"{shown(text)} is no {kind}")

    return construct


def _mapping(loader: _Loader, node: yaml.Node) -> dict[Any, Any]:
    if not isinstance(node, yaml.MappingNode):
        _refuse(node, "is no mapping")
    first: dict[Any, yaml.Node] = {}
    for key_node, _ in node.value:
        key = "<<" if key_node.tag == MERGE else loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            _refuse(key_node, "a key must be a single word or number")
        if key in first:
            line = first[key].start_mark.line + 1
            _refuse(key_node, f"key {shown(key)} stands twice, first in line {line}; take one away or rename it")
        first[key] = key_node
    loader.flatten_mapping(node)
    return {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True) for key, value in node.value
    }


TAG = "tag:yaml.org,2002:"
MERGE = TAG + "merge"
ZERO = TAG + "leading-zero"

for _kind, _form, _ in FORMS:
    _Loader.add_implicit_resolver(TAG + _kind, re.compile(rf"(?:{_form.pattern})\Z"), None)
    _Loader.add_constructor(TAG + _kind, _scalar(_kind))
_Loader.add_implicit_resolver(ZERO, re.compile(rf"(?:{LEADING_ZERO.pattern})\Z"), None)
_Loader.add_implicit_resolver(MERGE, re.compile(r"<<\Z"), None)
_Loader.add_constructor(
    ZERO,
    lambda _, node: _refuse(node, f"{node.value} is octal to some readers; write it without the zero, or quote it"),
)
_Loader.add_constructor(TAG + "str", lambda loader, node: loader.construct_scalar(node))
_Loader.add_constructor(TAG + "seq", lambda loader, node: loader.construct_sequence(node, deep=True))
_Loader.add_constructor(TAG + "map", _mapping)
_Loader.add_constructor(None, lambda _, node: _refuse(node, f"{shown(node.tag)} is not read here; leave it out"))
