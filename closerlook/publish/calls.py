"""The calls in a typst text, with those of their arguments that are written out as strings."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

ASIDE = re.compile(r"(?m)^\s*//.*$|(?<=\s)//\s.*$|/\*[\s\S]*?\*/|(`+)[^`][\s\S]*?\1")
"""What is not looked at: comments and raw text."""

CALL = re.compile(r"(?<![\w.-])([A-Za-z][\w-]*)\(")
DEFINED = re.compile(r"#?\blet\s+([A-Za-z][\w-]*)")
NAMED = re.compile(r"\s*[A-Za-z][\w-]*\s*:")
STRING = re.compile(r'\s*"((?:\\.|[^"\\])*)"\s*(\+?)')
CLOSING = {"(": ")", "{": "}"}


@dataclass(frozen=True)
class Written:
    """An argument that is a string, or with `more` behind it the beginning of one."""

    text: str
    more: bool = False


def calls(text: str, functions: Collection[str]) -> Iterator[tuple[str, list[Written | None]]]:
    """Yield the calls of some functions, with their positional arguments; None for one that is no written string.

    A function that the text itself defines is another one, and left out.
    """
    text = ASIDE.sub("", text)
    wanted = set(functions) - set(DEFINED.findall(text))
    for found in CALL.finditer(text):
        if found[1] in wanted:
            parts = _arguments(text, found.end())
            yield found[1], [_written(part) for part in parts if not NAMED.match(part)]


def _written(part: str) -> Written | None:
    found = STRING.match(part)
    if not found or not (found[2] or found.end() == len(part)):
        return None
    return Written(found[1], bool(found[2]))


def _arguments(text: str, start: int) -> list[str]:
    """Return what stands between the commas from a position on, up to the bracket that closes the call."""
    parts, begin, place, open_ = [], start, start, [")"]
    while place < len(text) and open_:
        sign = text[place]
        if sign == '"':
            place = _after(text, place, r'"(?:\\.|[^"\\])*"')
            continue
        if sign == "[":
            place = _after_content(text, place)
            continue
        if sign in CLOSING:
            open_.append(CLOSING[sign])
        elif sign == open_[-1]:
            open_.pop()
        if not open_ or (sign == "," and len(open_) == 1):
            parts.append(text[begin:place])
            begin = place + 1
        place += 1
    return [part for part in parts if part.strip()]


def _after(text: str, place: int, pattern: str) -> int:
    found = re.compile(pattern).match(text, place)
    return found.end() if found else len(text)


def _after_content(text: str, place: int) -> int:
    """Return where a piece of content ends: within it a quotation mark is one, and no string begins."""
    depth = 0
    for found in re.compile(r"\\.|[\[\]]", re.S).finditer(text, place):
        depth += {"[": 1, "]": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    return len(text)
