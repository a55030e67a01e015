"""What a file between the steps may hold: said once, and read by those who write, check and document it.

Standard library only: measures declare their columns by it, and are read at every start of Snakemake.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Column:
    """Datasets of one name, in which a word in braces stands for anything.

    Attributes
    ----------
    kind : str
        Kind of number: a letter of NumPy's (``f``, ``i``, ``u``, ``b``; several are allowed together), an exact type
        such as ``float32``, or ``text``.
    dimensions : tuple of str or None
        What each dimension counts. Dimensions of one name are of one size throughout a file. None: any number of any.
    words : str
        What the numbers are, with their unit.
    optional : bool
        Whether a file may do without.
    """

    kind: str
    dimensions: tuple[str, ...] | None
    words: str
    optional: bool = False


@dataclass(frozen=True)
class Layout:
    """Datasets and root attributes of one kind of file.

    `columns` are the datasets by name; `attributes` are those that there must be, with what they hold: ``text``,
    ``number`` (whole, not negative) or ``JSON`` (an object). `others` may be there.
    """

    columns: Mapping[str, Column]
    attributes: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> Column | None:
        """Return the column that a dataset of this name is of, None if there is none."""
        return next((column for pattern, column in self.columns.items() if matches(pattern, name)), None)

    def required(self) -> list[str]:
        """Return the names of the datasets that every such file has."""
        return [name for name, column in self.columns.items() if "{" not in name and not column.optional]


def matches(pattern: str, name: str) -> bool:
    """Whether a dataset's name is of a column's: ``epoch-1/trace`` is of ``{checkpoint}/trace``."""
    parts = re.split(r"\{\w+\}", pattern)
    return re.fullmatch("[^/]+".join(map(re.escape, parts)), name) is not None
