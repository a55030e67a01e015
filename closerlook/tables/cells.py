"""Which rows of a table are one network's, and which networks pass for seeds of one cell: these differ in seed alone.

Every factor in which networks may differ is a column of `rows.runs`. A table shows some of them; all go with the rows
until `require_one` has looked at the cells.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from closerlook.spec import FACTORS, Ensemble, plain

LOOKS = ("members", "checkpoints", "answers")
"""Fields of a specification in which equal networks may differ: who else is in the stack, and when one looked."""

REGULARIZING = ("regularizers", "regularizer_options")
"""The strengths of what a network is regularized by, and the options of that."""

CELL = (
    *dict.fromkeys(
        (
            "dataset", "image_size", "examples", "network", "width", "depth", "batch_size", "epochs",
            *(name for name in FACTORS if name != "seed"),
            *(entry.name for entry in fields(Ensemble) if entry.name not in (*LOOKS, *REGULARIZING)),
        )
    ),
)  # fmt: skip
"""Factors of every network but its seed, what a reader would sooner name first; beside them are regularizers'."""

IDENTITY = (
    "dataset", "image_size", "examples", "own_class", "network", "width", "learning_rate", "regularizer", "strength",
    "noise", "level", "seed",
)  # fmt: skip
"""Columns that together name one network of a table, where the table has them."""


def settings(spec: Ensemble) -> dict[str, object]:
    """Return the factors of an ensemble's networks, but for their own and strengths; what has parts is JSON.

    `width` and `depth` are the first of the `widths`, 0 without one, and their number; `widths` are all, as "64x32".
    """
    shared = {name: _cell(getattr(spec, name)) for name in CELL if hasattr(spec, name)}
    widths = {"width": spec.widths[0] if spec.widths else 0, "depth": len(spec.widths)}
    options = spec.regularizer_options
    used = [{name: options[name] for name in member.regularizers if name in options} for member in spec.members]
    return {
        **shared,
        **widths,
        "widths": "x".join(map(str, spec.widths)) or "0",
        "regularizers": [_cell(member.regularizers) for member in spec.members],
        "regularizer_options": [_cell(each) for each in used],
    }


def _cell(value: Any) -> Any:
    parts = is_dataclass(value) or isinstance(value, Mapping)
    return json.dumps(plain(value), sort_keys=True) if parts else value


def require_one(table: pd.DataFrame, shown: Collection[str]) -> None:
    """Refuse a table in which networks that differ in more than the seed would pass for seeds of one cell.

    Parameters
    ----------
    table
        Rows of networks as `rows.runs` has them.
    shown
        The columns by which whoever reads the table tells cells apart; those that are no factor do not count.

    Raises
    ------
    ValueError
        With the fewest factors that tell the networks within each cell apart.
    """
    names = factors(table)
    within = [name for name in (*names, "regularizer", "strength") if name in table and name in shown]
    secret = [name for name in names if name not in shown]
    networks = table[[*within, *secret]].fillna(dict.fromkeys(_strengths(table), 0.0)).drop_duplicates()
    if missing := _fewest(networks, within, secret):
        raise ValueError(
            f"networks that differ in {' and '.join(missing)} would pass for seeds of one cell; "
            "give the figure's experiments one value of it, or the table a column"
        )


def factors(table: pd.DataFrame) -> list[str]:
    """Return the columns of rows of networks that are factors of these but their seed, in the order of `CELL`."""
    return [name for name in (*CELL, *_strengths(table), *REGULARIZING) if name in table]


def _strengths(table: pd.DataFrame) -> list[str]:
    texts: Iterable[str] = table["regularizers"].unique() if "regularizers" in table else ()
    return sorted({name for text in texts for name in json.loads(text)})


def _fewest(networks: pd.DataFrame, within: Sequence[str], secret: Sequence[str]) -> tuple[str, ...]:
    """Return the fewest of the `secret` columns that, beside those `within`, tell all the rows apart."""
    varying = [name for name in secret if networks[name].nunique(dropna=False) > 1]
    sizes = range(len(varying) + 1)
    subsets = (names for size in sizes for names in combinations(varying, size))
    return next(names for names in subsets if _apart(networks, [*within, *names]))


def _apart(networks: pd.DataFrame, names: list[str]) -> bool:
    return not networks.duplicated(names).any() if names else len(networks) < 2
