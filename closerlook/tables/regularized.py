"""What figures and claims of regularisers share: their names and strengths, the trade-off, and the choice of one."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from closerlook.regularizers import REGULARIZERS
from closerlook.tables.cells import IDENTITY, require_one
from closerlook.tables.statistics import t_interval

TOLERANCE = 1.0
"""How many points of validation accuracy a chosen strength may cost."""

X, Y = "memorized", "validation"

NO_REGULARIZER = "none"
"""What a table says where there is none."""


def in_place() -> list[str]:
    """Return the names of all regularizers in a reader's order."""
    return sorted(REGULARIZERS.usable(), key=lambda name: (REGULARIZERS[name].look.place, name))


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `tables.runs` with `regularizer` and `strength` as text: "dropout" and "0.25".

    A member with two is one named regularizer, "LASS + dropout" of strength "0.5 + 0.25"; without any it is "none" of
    strength "0".
    """
    factors = {name: REGULARIZERS[name].words for name in in_place() if name in table}
    rows = table[list(factors)].to_dict("records")
    used = [{words: row[name] for name, words in factors.items() if row[name] > 0} for row in rows]
    return table.assign(
        regularizer=[" + ".join(row) or NO_REGULARIZER for row in used],
        strength=[" + ".join(f"{value:g}" for value in row.values()) or "0" for row in used],
    )


def by_size(strength: str) -> tuple[float, ...]:
    """Return a strength as numbers, to sort by: "0.5 + 0.25" is (0.5, 0.25)."""
    return tuple(float(part) for part in strength.split(" + "))


def one_each(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `named` with each network once: two experiments may both train one without a regularizer.

    Where their numbers differ (a GPU's last bits depend on who else is in the stack) the first one's are kept.
    """
    names = [name for name in (*IDENTITY, "epoch") if name in table]
    require_one(table, names)
    return table.drop_duplicates(names, ignore_index=True)


def require_equal_epochs(table: pd.DataFrame) -> None:
    """Refuse rows of `tables.runs` in which the networks of a data set were to train for different times.

    Raises
    ------
    ValueError
        With the data set and the epochs: longer training alone memorizes more, whatever the regularizer.
    """
    for dataset, rows in table.groupby("dataset"):
        if rows["epochs"].nunique() > 1:
            epochs = " and ".join(map(str, sorted(set(rows["epochs"]))))
            raise ValueError(f"regularizers on {dataset} cannot be compared: some networks train {epochs} epochs")


def real_and_random(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of real data and those of random labels at their highest level."""
    random = table["noise"] == "randY"
    return table[(table["noise"] == "none") | random & (table["level"] == table.loc[random, "level"].max())]


def trade_off(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per regularizer and strength, weakest first: means over seeds and their 95 % t intervals.

    `memorized` is the final training accuracy on random labels (at their highest level), `validation` the best
    validation accuracy on real data; each with `_low` and `_high` (NaN for one seed).
    """
    kept = real_and_random(table)
    parts = {X: ("randY", "final_train_accuracy"), Y: ("none", "best_validation_accuracy")}
    columns = {}
    for name, (noise, column) in parts.items():
        cells = kept[kept["noise"] == noise].dropna(subset=[column]).groupby(["regularizer", "strength"])[column]
        columns[name] = cells.mean()
        for place, end in enumerate(("low", "high")):
            columns[f"{name}_{end}"] = cells.apply(lambda values, place=place: t_interval(values)[place])
    points = pd.DataFrame(columns).dropna(subset=[X, Y]).reset_index()
    return points.sort_values("strength", key=lambda names: names.map(by_size)).sort_values(
        "regularizer", kind="stable", ignore_index=True
    )


def order(names: Iterable[str]) -> list[str]:
    """Return the distinct names of regularizers in a reader's order: none, each alone, then those of two."""
    alone = [NO_REGULARIZER, *(REGULARIZERS[name].words for name in in_place())]
    return sorted(set(names), key=lambda name: (name not in alone, alone.index(name) if name in alone else 0, name))


def against_none(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per seed, regularizer and strength, in percentage points and paired by seed with no regularizer.

    `drop` is how much lower the final training accuracy on random labels is, `change` by how much the best validation
    accuracy on real data differs. Pairs of which one network is missing are left out.
    """
    names = ["seed", "regularizer", "strength"]
    kept = real_and_random(table)
    random = kept[kept["noise"] == "randY"].groupby(names)["final_train_accuracy"].mean()
    real = kept[kept["noise"] == "none"].groupby(names)["best_validation_accuracy"].mean()
    points = 100 * pd.concat({"drop": -random, "change": real}, axis=1, join="inner").dropna()
    plain = points[points.index.get_level_values("regularizer") == "none"].droplevel(["regularizer", "strength"])
    return points.sub(plain.reindex(points.index.get_level_values("seed")).to_numpy()).dropna().reset_index()


def choose(points: pd.DataFrame, regularizer: str, tolerance: float = TOLERANCE) -> str | None:
    """Return the strength of a regularizer that memorizes least, of those that cost at most `tolerance` points.

    It has the largest mean `drop` of those whose mean `change` is at least -`tolerance`; where none is, it is the one
    that costs least; None where the regularizer was not run. `points` are rows of `against_none`.
    """
    means = points[points["regularizer"] == regularizer].groupby("strength")[["drop", "change"]].mean()
    if means.empty:
        return None
    harmless = means[means["change"] >= -tolerance]
    return harmless["drop"].idxmax() if len(harmless) else means["change"].idxmax()


def even_seeds(points: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose seeds a strength is chosen on; it is judged on the odd ones."""
    return points[points["seed"] % 2 == 0]
