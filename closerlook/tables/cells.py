"""Which rows of a table are one network's, and which networks pass for seeds of one cell: these differ in seed alone.

A table shows some factors of its networks as columns; all others are hidden. They go with the rows, in the columns
`HIDDEN`, until `require_one` has looked at the cells.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, fields

import pandas as pd

from closerlook.spec import FACTORS, Ensemble

SHOWABLE = ("dataset", "image_size", "examples", "width", "depth", "batch_size", "epochs", *FACTORS)
"""The factors that `rows.runs` has as columns of these names."""

HIDDEN = ("settings", "regularizing")
"""The columns of `hidden`."""

IDENTITY = (
    "dataset", "image_size", "examples", "own_class", "network", "width", "learning_rate", "regularizer", "strength",
    "noise", "level", "seed",
)  # fmt: skip
"""Columns that together name one network of a table, where the table has them."""

LOOKS = ("members", "checkpoints", "answers")
"""Fields of a specification in which equal networks may differ: who else is in the stack, and when one looked."""

OPTIONS = "regularizer_options"
"""The field of which a network has what belongs to regularizers that it uses."""


def hidden(spec: Ensemble) -> dict[str, object]:
    """Return `HIDDEN` of an ensemble, as JSON: the fields that have no column of their own, each member's regularizers.

    Of `widths` there are the ratios to the first: the first is the column `width`, their number `depth`.
    """
    values = asdict(spec)
    values["widths"] = [width / spec.widths[0] for width in spec.widths]
    kept = {entry.name for entry in fields(spec)} - {*SHOWABLE, *LOOKS, OPTIONS}
    options = spec.regularizer_options
    regularizing = [
        member.regularizers | {OPTIONS: {name: options[name] for name in member.regularizers if name in options}}
        for member in spec.members
    ]
    return {
        "settings": json.dumps({name: values[name] for name in sorted(kept)}, sort_keys=True),
        "regularizing": [json.dumps(each, sort_keys=True) for each in regularizing],
    }


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
        With the factors that vary within a cell and are not shown.
    """
    names = [name for name in (*SHOWABLE, "regularizer", "strength") if name in table and name != "seed"]
    unlike = table[[*names, *(name for name in HIDDEN if name in table)]].drop_duplicates(ignore_index=True)
    networks = pd.concat([unlike[names], _spread(unlike)], axis=1)
    within = [name for name in networks if name in shown]
    secret = [name for name in networks if name not in shown and name not in ("regularizer", "strength")]
    groups = [networks] if not within else [rows for _, rows in networks.groupby(within, dropna=False)]
    if mixed := [name for name in secret if any(rows[name].nunique(dropna=False) > 1 for rows in groups)]:
        raise ValueError(
            f"networks that differ in {' and '.join(mixed)} would pass for seeds of one cell; "
            "give the figure's experiments one value of it, or the table a column"
        )


def _spread(networks: pd.DataFrame) -> pd.DataFrame:
    """Return a column of text for each hidden factor: settings, and strengths of regularizers, 0 where not used."""
    absent = pd.Series("{}", networks.index)
    factors = [
        {name: json.dumps(value) for text in texts for name, value in json.loads(text).items()}
        for texts in zip(*(networks.get(name, absent) for name in HIDDEN), strict=True)
    ]
    return pd.DataFrame(factors, networks.index).fillna("0.0")
