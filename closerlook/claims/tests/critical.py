"""Tests of B-Figs 7 to 9: critical samples and accuracies over training.

The lowest or highest of several noisy points is extreme by chance, too. So where a claim starts from such a point, its
epoch is chosen for each seed on the mean curve of the other seeds: the seed's own noise has no part in the choice.
Seeds choose for one another, which ties them a little: of pure noise an interval lies beyond 0 on either side in 3 to
4 % of cases, not in 2.5 %; with its conditions hardly any claim passes.

Critical samples are taken at the smallest radius of the experiment unless `box` says otherwise (2: at the next).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from closerlook.claims.estimates import Condition, Units, mean_effect
from closerlook.claims.tests.effects import over_seeds, register
from closerlook.tables.criticality import PROBLEM, at_radius
from closerlook.tables.sweeps import slopes

CELL = [*PROBLEM, "noise", "level"]
CRITICAL = (*CELL, "seed", "epoch", "radius")
FEWEST = "fewer than two seeds, or too few epochs, to choose an epoch on the others"


@register((*CRITICAL, "validation_critical"), "critical samples at the end, noise less real data", "fraction")
def critical_beyond_clean(rows: pd.DataFrame, *, box: int = 1) -> Units:
    """Per seed, the share of critical validation samples at the last epoch on noise, less that on real data."""
    last = _at_end(at_radius(rows, box), "validation_critical")
    clean, noisy = last[last["noise"] == "none"], last[last["noise"] != "none"]
    pairs = noisy.merge(clean, on=["seed", *PROBLEM], suffixes=("", "_clean"))
    differences = (pairs["validation_critical"] - pairs["validation_critical_clean"]).groupby(pairs["seed"]).mean()
    return over_seeds(differences, [], "noise or real data missing")


@register((*CRITICAL, "validation_critical"), "slope of critical samples at the end over noise share", "fraction")
def critical_slope_over_level(rows: pd.DataFrame, *, box: int = 1) -> Units:
    """Per seed, the slope over the noise level of the share of critical validation samples at the last epoch."""
    last = _at_end(at_radius(rows, box), "validation_critical")
    return over_seeds(_slopes(last, "validation_critical"), [], "fewer than two noise levels")


@register((*CELL, "seed", "epoch", "validation_accuracy"), "slope of validation accuracy over noise share", "fraction")
def accuracy_slope_over_level(rows: pd.DataFrame, *, of: str) -> Units:
    """Per seed, the slope over the noise level of the `final` or the `best` validation accuracy (`of`).

    The best of many epochs is a little too good at every level; the slope keeps only what differs between them.
    """
    known = rows.dropna(subset=["validation_accuracy"])
    if of == "final":
        kept = _at_end(known, "validation_accuracy")
    else:
        kept = known.groupby([*CELL, "seed"])["validation_accuracy"].max().reset_index()
    return over_seeds(_slopes(kept, "validation_accuracy"), [], "fewer than two noise levels")


@register((*CRITICAL, "validation_critical"), "rise of critical samples from their lowest share to the end", "fraction")
def rises_then_levels_off(rows: pd.DataFrame, *, box: int = 1) -> Units:
    """Per seed, the share of critical validation samples at the end less that at its lowest.

    Before training nearly every second sample is critical, so the rise is one from the lowest share. It levels off:
    more of it comes before the middle of training than after it, or the second half falls (a condition). The middle is
    the last measured epoch in the first half, or the lowest point itself if that is later; so the second part is the
    longer one, which makes the condition strict.
    """
    curves = _curves(at_radius(rows, box), "validation_critical")

    def judge(own: np.ndarray, others: np.ndarray, epochs: np.ndarray) -> tuple[float, float]:
        lowest = int(others[:-1].argmin())
        middle = max(lowest, int((epochs <= epochs[-1] / 2).sum()) - 1)
        return own[-1] - own[lowest], (own[middle] - own[lowest]) - (own[-1] - own[middle])

    rise, slowing = _by_seed(curves, judge, 2)
    condition = (_above_0(slowing),) if len(slowing) else ()
    notes = _points("rise of the first half less that of the second", slowing)
    return over_seeds(rise, notes, FEWEST, conditions=condition)


@register((*CRITICAL, "training_critical"), "fall of training samples' critical share from its highest", "fraction")
def rises_then_falls(rows: pd.DataFrame, *, box: int = 1) -> Units:
    """Per seed, the fall of the share of critical training samples from its highest to the end.

    The highest share is the top of the largest rise between two epochs, the last one excepted, as before training the
    share may be higher still; that it rises to there is a condition.
    """
    curves = _curves(at_radius(rows, box), "training_critical")

    def judge(own: np.ndarray, others: np.ndarray, epochs: np.ndarray) -> tuple[float, float]:
        rises = np.where(np.triu(np.ones((len(epochs) - 1,) * 2), 1) > 0, others[:-1] - others[:-1, None], -np.inf)
        low, high = np.unravel_index(rises.argmax(), rises.shape)
        return own[high] - own[-1], own[high] - own[low]

    fall, rise = _by_seed(curves, judge, 2, epochs=3)
    condition = (_above_0(rise),) if len(rise) else ()
    notes = _points("rise before it", rise)
    return over_seeds(fall, notes, FEWEST, conditions=condition)


@register(
    (*CRITICAL, "train_accuracy", "validation_accuracy", "validation_critical"),
    "fall of validation accuracy from its peak to the end",
    "fraction",
)
def peaks_before_memorizing(rows: pd.DataFrame, *, train_below: float, box: int = 1) -> Units:
    """Per seed, validation accuracy at its peak less that at the end.

    Conditions: at the peak training accuracy is below `train_below`, and from there to the end the share of critical
    validation samples rises. That share is taken at the first epoch, from the peak on, at which it was measured.
    """
    accuracy, memorized = (_curves(rows, f"{part}_accuracy") for part in ("validation", "train"))
    critical = _curves(at_radius(rows, box), "validation_critical")
    values: dict[str, dict] = {"fall": {}, "train": {}, "rise": {}}
    for cell, curve in accuracy.items():
        for seed, others in _others(curve):
            peak = others.idxmax()
            values["fall"][*cell, seed] = curve[seed].loc[peak] - curve[seed].iloc[-1]
            values["train"][*cell, seed] = memorized[cell][seed].loc[peak]
            if cell in critical and seed in critical[cell]:
                share = critical[cell][seed]
                values["rise"][*cell, seed] = share.iloc[-1] - share[share.index >= min(peak, share.index[-1])].iloc[0]
    fall, train, rise = (_mean_by_seed(found) for found in values.values())
    conditions = (Condition(Units(train.to_numpy(float)), -1, train_below), _above_0(rise))
    notes = _points("training accuracy at the peak", train) + _points("rise of critical samples from there", rise)
    return over_seeds(fall, notes, FEWEST, conditions=conditions if len(fall) else ())


def _at_end(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return each network's row at the last epoch at which it has the column."""
    known = rows.dropna(subset=[column])
    last = known[known["epoch"] == known.groupby([*CELL, "seed"])["epoch"].transform("max")]
    return last.drop_duplicates([*CELL, "seed"])


def _slopes(rows: pd.DataFrame, column: str) -> pd.Series:
    """Return each seed's slope over the level, real data being level 0, averaged over problems."""
    return slopes(rows, "level", column, [*PROBLEM, "seed"]).groupby("seed")["slope"].mean()


def _curves(rows: pd.DataFrame, column: str) -> dict[tuple, pd.DataFrame]:
    """Return a table for each cell: epoch by seed. Epochs that not every seed has are left out."""
    known = rows.dropna(subset=[column])
    return {cell: part.pivot_table(column, "epoch", "seed").dropna(axis="index") for cell, part in known.groupby(CELL)}


def _others(curve: pd.DataFrame) -> list[tuple[int, pd.Series]]:
    """Return each seed with the mean curve of the others."""
    if len(curve.columns) < 2 or curve.empty:
        return []
    return [(int(seed), curve.drop(columns=seed).mean(axis="columns")) for seed in curve.columns]


def _by_seed(
    curves: dict[tuple, pd.DataFrame],
    judge: Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[float, ...]],
    count: int,
    epochs: int = 2,
) -> list[pd.Series]:
    """Return `count` numbers a seed, averaged over cells: what `judge` makes of its curve, the others', the epochs."""
    values: list[dict] = [{} for _ in range(count)]
    for cell, curve in curves.items():
        for seed, others in _others(curve) if len(curve) >= epochs else []:
            numbers = judge(curve[seed].to_numpy(float), others.to_numpy(float), curve.index.to_numpy(float))
            for found, number in zip(values, numbers, strict=True):
                found[*cell, seed] = number
    return [_mean_by_seed(found) for found in values]


def _mean_by_seed(found: dict[tuple, float]) -> pd.Series:
    seeds = pd.Series([key[-1] for key in found], dtype=int)
    return pd.Series(list(found.values()), dtype=float).groupby(seeds).mean()


def _above_0(values: pd.Series) -> Condition:
    return Condition(Units(values.to_numpy(float)), 1, 0.0)


def _points(words: str, values: pd.Series) -> list[str]:
    if values.empty:
        return []
    found = mean_effect(values.to_numpy(float))
    return [f"{words} {found.effect:.3f} [{found.low:.3f}, {found.high:.3f}]"]
