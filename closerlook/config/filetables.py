"""The tables of `docs/files.md`: what is in each kind of file, as its layout declares it.

A table stands between a line ``<!-- layout of curvature -->`` and a line ``<!-- end -->``; all else is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from closerlook.layout import Column
from closerlook.store.layouts import layout_of

MARKED = re.compile(r"(<!-- layout of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """Return the page with each marked table as the layout says it now.

    Raises
    ------
    closerlook.things.ThingError
        If a mark names no kind of file.
    """
    return MARKED.sub(lambda mark: mark[1] + "\n".join(_table(mark[2])) + "\n" + mark[3], page)


def marked(page: str) -> list[str]:
    """Return the kinds of files whose tables are on the page."""
    return [mark[2] for mark in MARKED.finditer(page)]


def _table(kind: str) -> Iterator[str]:
    layout = layout_of(kind)
    yield from ("", "| dataset | shape | type | meaning |", "|---|---|---|---|")
    for name, column in layout.columns.items():
        optional = "; may be missing" if column.optional and "absent" not in column.words.lower() else ""
        shown = re.sub(r"\{(\w+)\}", r"<\1>", name)
        yield f"| `{shown}` | {_shape(column)} | {_kind(column.kind)} | {column.words}{optional} |"
    attributes = [f"`{name}` ({holds})" for name, holds in {**layout.attributes, **layout.others}.items()]
    yield from ("", f"Attributes: {', '.join(attributes)}.", "")


def _shape(column: Column) -> str:
    if column.dimensions is None:
        return "any"
    return f"({', '.join(column.dimensions)})" if column.dimensions else "one number"


def _kind(kind: str) -> str:
    letters = {"f": "float", "i": "int", "u": "uint", "b": "bool", "O": "text"}
    return " or ".join(letters[letter] for letter in kind) if set(kind) <= set(letters) else kind
