"""The named tests of `claims.yaml`. Each turns the rows of a claim into one value per independent unit: a seed, mostly.

A test takes the rows that the claim's `where` leaves (without diverged members) and the claim's `with` as keywords;
one that asks for a keyword `side` is given the expected one (+1 or -1). Everything that shares a seed is first brought
down to one number. What interval and verdict that gives is the matter of `closerlook.claims.estimates`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import signature

import numpy as np
import pandas as pd

from closerlook.claims.estimates import Condition, Estimate, Resamples, Units, estimate
from closerlook.claims.tests import SIDE
from closerlook.tables.sweeps import examples_sweep, needed_widths, octave, slopes, width_sweep

NOT_RUN = "not run at this scale"


@dataclass(frozen=True)
class NamedTest:
    """A registered test: its function, the table columns it needs, and how a reader calls its effect."""

    function: Callable[..., Units | Resamples]
    columns: tuple[str, ...]
    effect_name: str
    unit: str
    base: float | None = None

    def estimate(self, rows: pd.DataFrame, side: int, threshold: float, **options: object) -> Estimate:
        """Return the estimate of a claim that expects the effect on that side of the threshold."""
        asked = {"side": side} if SIDE in signature(self.function).parameters else {}
        return estimate(self.function(rows, **asked, **options), side, threshold)


REGISTRY: dict[str, NamedTest] = {}


def register(
    columns: Iterable[str], effect_name: str, unit: str, base: float | None = None
) -> Callable[[Callable], Callable]:
    """Decorate a test: enter it in `REGISTRY` under its own name.

    Parameters
    ----------
    columns
        Columns of the table that the test reads, beside those that its claims name.
    effect_name, unit
        What a reader calls the effect, and what it is measured in.
    base
        If the effect is a logarithm, its base: texts can then write it as a factor.
    """

    def enter(function: Callable) -> Callable:
        REGISTRY[function.__name__] = NamedTest(function, tuple(columns), effect_name, unit, base)
        return function

    return enter


@register(
    ("seed", "level"), "slope of the natural logarithm over noise share", "ln per unit of noise share", base=math.e
)
def log_slope_over_level(rows: pd.DataFrame, *, column: str) -> Units:
    """Per seed, the least-squares slope of ln(`column`) over the noise level; values at one level are averaged."""
    kept = rows[rows[column] > 0]
    notes = counted(int(rows[column].isna().sum()), "checkpoints not reached, left out")
    notes += counted(int((rows[column] <= 0).sum()), "values not positive, left out")
    if column == "largest_eigenvalue" and "converged" in rows:
        loose = ~rows["converged"].astype(bool) & rows[column].notna()
        notes += counted(int(loose.sum()), "eigenvalues not converged, used as they are")
    logs = kept.assign(value=np.log(kept[column]))
    steep = slopes(logs, "level", "value", ["seed"])["slope"]
    return over_seeds(steep, notes, "fewer than two noise levels")


@register(
    ("seed", "level", "width"),
    "slope of log2(needed width) over noise share",
    "octaves per unit of noise share",
    base=2,
)
def needed_width_slope(
    rows: pd.DataFrame,
    *,
    column: str,
    reach: float | None = None,
    within: float = 0.0,
) -> Units:
    """Per seed, the slope over the noise level of log2 of the smallest width whose `column` suffices.

    It suffices at `reach`, or else at the best of that seed and level less `within`. Where no width of the sweep
    reaches it, twice the largest width stands for it, a lower bound. Needed widths are only known to a step of the
    sweep, which puts a floor under the spread between seeds.
    """
    sweep = width_sweep(rows)
    needed = needed_widths(sweep, column, reach, within)
    late = int((~needed["reached"].astype(bool)).sum())
    notes = counted(late, "needed widths beyond the sweep, counted at twice its largest")
    octaves = needed.assign(value=np.log2(needed["width"].astype(float)))
    steep = slopes(octaves, "level", "value", ["seed"])["slope"]
    levels = np.unique(needed["level"].to_numpy(float))
    rounding = octave(sweep["width"]) / np.sqrt(12 * ((levels - levels.mean()) ** 2).sum()) if len(levels) > 1 else 0.0
    return over_seeds(steep, notes, "fewer than two noise levels", resolution=rounding)


@register(
    ("seed", "noise", "examples", "width", "epochs_to_fit", "epochs"),
    "ln(epochs to fit with noise / without), mean over the width sweep",
    "ln ratio",
    base=math.e,
)
def log_ratio_to_clean(rows: pd.DataFrame, *, side: int) -> Units:
    """Per seed, ln(epochs to fit on noise / on real data), averaged over the cells of the width sweep.

    A network that had not fitted by the last epoch counts as that epoch, which bounds the ratio; a cell of which
    neither network fitted says nothing and is left out for every seed. The claim must hold with all bounds, and once
    more without the cells whose bound could flatter it.
    """
    sweep = width_sweep(rows)
    sweep = sweep.assign(late=sweep["epochs_to_fit"].isna(), time=sweep["epochs_to_fit"].fillna(sweep["epochs"]))
    clean, noisy = sweep[sweep["noise"] == "none"], sweep[sweep["noise"] != "none"]
    pairs = noisy.merge(clean, on=["seed", "examples", "width"], suffixes=("", "_clean"))
    flattered = pairs["late"] & (pairs["late_clean"] | (side < 0)) | pairs["late_clean"] & (side > 0)
    cells = pairs["width"].isin(pairs.loc[flattered, "width"])
    kept = pairs[~cells]
    notes = counted(
        int(kept["late"].sum() + kept["late_clean"].sum()), "networks not fitted, counted at the last epoch"
    )
    dropped = sorted(set(pairs.loc[cells, "width"]))
    notes += [f"width {', '.join(map(str, dropped))} counts as a bound only"] if dropped else []

    def by_seed(some: pd.DataFrame) -> pd.Series:
        return np.log(some["time"] / some["time_clean"]).groupby(some["seed"]).mean()

    # A bound may speak against the claim, and leaving its cell out would hide that: the claim must hold with it, too.
    bounded = pairs[~pairs["width"].isin(pairs.loc[pairs["late"] & pairs["late_clean"], "width"])]
    strict = (Condition(over_seeds(by_seed(kept))),) if len(kept) else ()
    missing = "noise or real data missing" if pairs.empty else "no cell left"
    return over_seeds(by_seed(bounded), notes, missing, conditions=strict)


@register(
    ("seed", "width", "examples", "epochs_to_fit", "epochs"),
    "exponent of epochs to fit as a power of the swept size",
    "power-law exponent",
)
def power_of_size(rows: pd.DataFrame, *, swept: str) -> Units:
    """Per seed, the slope of ln(epochs to fit) over ln(`swept`): `width` or `examples`, each in its own sweep."""
    sweep = {"width": width_sweep, "examples": examples_sweep}[swept](rows)
    late = sweep["epochs_to_fit"].isna()
    time = np.log(sweep["epochs_to_fit"].fillna(sweep["epochs"]).astype(float))
    sizes = np.log(sweep[swept].astype(float))
    steep = slopes(sweep.assign(size=sizes, value=time), "size", "value", ["seed"])["slope"]
    notes = counted(int(late.sum()), "networks not fitted, counted at the last epoch")
    return over_seeds(steep, notes, f"fewer than two values of {swept}")


def counted(number: int, words: str) -> list[str]:
    """Return a note that counts something, or none where there is nothing to count."""
    return [f"{words}: {number}"] if number else []


def over_seeds(values: pd.Series, notes: Sequence[str] = (), missing: str = "no seed", **more: object) -> Units:
    """Return one value a seed, and what is said of them; with no seed at all, that and what was `missing`."""
    reasons = [] if len(values) else [f"{NOT_RUN}: {missing}"]
    return Units(values.to_numpy(float), (*notes, *reasons), **more)
