"""What a column of a table can be at any scale, as far as it is known before the table is made."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from closerlook.data.noise import NOISES
from closerlook.data.sets import SETS

NUMBERS = ("level", "width", "examples", "seed", "epoch", "epochs", "step", "steps", "radius")
"""Columns that hold numbers in every table."""

NAMES = {"dataset": SETS, "noise": NOISES}
"""Columns that hold the name of a thing -> its room."""

CHECKPOINT = re.compile(r"(epoch|loss)-.+|fit|[^*]*[*].*")


class ValueProblem(ValueError):
    """A column cannot have a value; the message says what it can."""


def check_value(column: str, value: object, bound: bool = False, pattern: bool = True) -> None:
    """Refuse a value of `where` that a column has at no scale.

    Parameters
    ----------
    column, value
        What is asked for. A column of which nothing is known may have any number, word or truth value.
    bound : bool
        Whether the value is a bound of the column, which must be a number.
    pattern : bool
        Whether a ``*`` stands for any signs.

    Raises
    ------
    ValueProblem
        If no table can have it.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    open_text = pattern and not bound and isinstance(value, str) and "*" in value
    if bound and not number:
        raise ValueProblem(f"a bound must be a number, not {value!r}")
    if not isinstance(value, (str, int, float)):
        raise ValueProblem(f"must be a number, a word, a list of these, or bounds, not {value!r}")
    if column in NUMBERS and not (number or open_text):
        raise ValueProblem(f"must be a number, not {value!r}")
    if column == "level" and number and not 0 <= value <= 1:
        raise ValueProblem(f"is a share from 0 to 1, not {value!r}")
    if column in NAMES:
        names = NAMES[column].names()
        known = any(fnmatchcase(name, value) for name in names) if open_text else value in names
        if not known:
            raise ValueProblem(f"{value!r} is none; there are: {', '.join(names)}")
    if column == "checkpoint" and not (isinstance(value, str) and CHECKPOINT.fullmatch(value)):
        raise ValueProblem(f"{value!r} is none; there are: epoch-<number>, loss-<number>, fit, and patterns with *")
