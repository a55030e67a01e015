"""Tests of regularisers (A-Fig 3 right, B-Fig 10 and 11): what they keep from being memorized, and at what price."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from jaxtyping import Float

from closerlook.claims.estimates import Condition, Units, mean_effect
from closerlook.claims.tests.effects import NOT_RUN, over_seeds, register
from closerlook.tables.regularized import against_none, choose, even_seeds

TRADE_OFF_COLUMNS = (
    "seed", "noise", "level", "regularizer", "strength", "final_train_accuracy", "best_validation_accuracy",
)  # fmt: skip


@register(TRADE_OFF_COLUMNS, "drop of training accuracy on random labels", "percentage points")
def memorizes_less(
    rows: pd.DataFrame,
    *,
    regularizer: str,
    tolerance: float,
    margin: float,
    against: str = "none",
) -> Units:
    """Per odd seed, how far a regularizer chosen on the even seeds lowers training accuracy on random labels.

    Chosen on the even seeds: the strength with the lowest training accuracy on random labels among those whose best
    validation accuracy on real data is at most `tolerance` points under no regularizer's (none: the one with the best
    validation accuracy). Judged on the odd seeds, so that the choice does not flatter it: the drop must exceed the
    threshold, and validation must not be inferior to no regularizer's: the difference must lie above -`margin`
    points. The drop is counted from `against`, another regularizer chosen likewise, or none. Where `regularizer` has
    `against` as a part, it must have been run with what that chose, or a coarser grid would decide.
    """
    points = against_none(rows)
    if not {regularizer, against} <= set(points["regularizer"]):
        return over_seeds(pd.Series(dtype=float), [], "regularizer or reference missing")
    strength, base = (choose(even_seeds(points), name, tolerance) for name in (regularizer, against))
    if strength is None or base is None:
        return over_seeds(pd.Series(dtype=float), [], "no even seed to choose a strength on")
    if not _comparable(points, regularizer, against, base):
        return over_seeds(pd.Series(dtype=float), [], f"{regularizer} with {against} {base}, its own choice")
    ours = _odd(points, regularizer, strength)
    drops = (ours["drop"] - _odd(points, against, base)["drop"]).dropna()
    change = ours["change"].to_numpy(float)
    conditions = (Condition(Units(change), 1, -margin),)
    validation = mean_effect(change)
    notes = [
        f"strength {strength}, chosen on the even seeds; validation changes by {validation.effect:+.2f} points "
        f"[{validation.low:+.2f}, {validation.high:+.2f}]"
    ]
    notes += [f"{against} at strength {base}"] if against != "none" else []
    return over_seeds(drops, notes, "no odd seed to judge on", conditions=conditions)


@register(TRADE_OFF_COLUMNS, "drop of training accuracy on random labels", "percentage points")
def harmless_drop(rows: pd.DataFrame, *, regularizer: str, tolerance: float) -> Units:
    """Per odd seed, how far a regularizer that costs nothing lowers training accuracy on random labels.

    As in `memorizes_less`, but where every strength costs more than `tolerance` points of validation accuracy on the
    even seeds, what costs nothing is no regularizer, and the drop is 0. For claims that a regularizer does not help.
    """
    points = against_none(rows)
    if regularizer not in set(points["regularizer"]):
        return over_seeds(pd.Series(dtype=float), [], "regularizer or reference missing")
    even = even_seeds(points)
    strength = choose(even, regularizer, tolerance)
    if strength is None:
        return over_seeds(pd.Series(dtype=float), [], "no even seed to choose a strength on")
    cost = -even.loc[(even["regularizer"] == regularizer) & (even["strength"] == strength), "change"].mean()
    if cost > tolerance:
        notes = [f"every strength costs more than {tolerance:g} points: the drop is that of no regularizer"]
        return over_seeds(_odd(points, "none", choose(even, "none"))["drop"], notes, "no odd seed")
    notes = [f"strength {strength}, chosen on the even seeds"]
    return over_seeds(_odd(points, regularizer, strength)["drop"], notes, "no odd seed to judge on")


def _comparable(points: pd.DataFrame, regularizer: str, against: str, base: str) -> bool:
    """Whether a regularizer that has `against` as a part was run with that part at the strength `base`."""
    names = regularizer.split(" + ")
    if against not in names:
        return True
    strengths = points.loc[points["regularizer"] == regularizer, "strength"]
    return base in {strength.split(" + ")[names.index(against)] for strength in strengths}


def _odd(points: pd.DataFrame, regularizer: str, strength: str) -> pd.DataFrame:
    """Return `drop` and `change` of a regularizer by odd seed."""
    chosen = points[(points["regularizer"] == regularizer) & (points["strength"] == strength)]
    return chosen[chosen["seed"] % 2 == 1].set_index("seed")[["drop", "change"]]


@register(
    ("seed", "noise", "level", "regularizer", "epoch", "train_accuracy"),
    "pairs of regularizers in another order on random labels than on real data, beyond those in another order for "
    "another seed",
    "share of pairs",
)
def order_differs(rows: pd.DataFrame) -> Units:
    """Per pair of seeds, how much more the order of training curves differs between kinds of data than within one.

    A curve's place in the order is its mean training accuracy over the epochs. Two orders differ by the share of
    pairs of regularizers that one has one way round and the other the other way. Seeds are taken in pairs, each in one
    pair only, which are the independent units: the difference of one seed's order on random labels from the other's on
    real data, less that of the two seeds' orders on the same kind of data.
    """
    places = {kind: _mean_curves(rows[rows["noise"] == kind]) for kind in ("randY", "none")}
    seeds = sorted(set(places["randY"].index) & set(places["none"].index))
    names = [name for name in places["randY"].columns if name in places["none"].columns]
    if len(names) < 2:
        return over_seeds(pd.Series(dtype=float), [], "fewer than two regularizers on both kinds of data")
    noise, real = (places[kind].loc[seeds, names].to_numpy(float) for kind in ("randY", "none"))
    excess = []
    for a, b in zip(range(0, len(seeds) - 1, 2), range(1, len(seeds), 2), strict=True):
        across = (_turned(noise[a], real[b]) + _turned(noise[b], real[a])) / 2
        within = (_turned(noise[a], noise[b]) + _turned(real[a], real[b])) / 2
        excess.append(across - within)
    notes = [f"{len(names)} curves"] if excess else [f"{NOT_RUN}: no pair of seeds"]
    return Units(np.array(excess), tuple(notes), name="seed pairs")


def _mean_curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the mean training accuracy by seed and regularizer; a curve that ends early stays where it ended."""
    curves = rows.pivot_table("train_accuracy", "epoch", ["seed", "regularizer"]).ffill()
    return curves.mean().unstack("regularizer").dropna()


def _turned(one: Float[np.ndarray, " curve"], other: Float[np.ndarray, " curve"]) -> float:
    """Return the share of pairs of curves that stand the one way round here and the other way round there."""
    return float(np.mean([(one[a] - one[b]) * (other[a] - other[b]) < 0 for a, b in combinations(range(len(one)), 2)]))
