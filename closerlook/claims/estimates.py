"""From what a test found per independent unit (a seed) to an interval, and from the interval to a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy import stats

CONFIDENCE = 0.95
FEWEST_SEEDS = 3
"""Below this many independent units there is no verdict: with two, an interval is 9 standard errors to each side."""


@dataclass(frozen=True)
class Units:
    """What a test found: one value per independent unit."""

    values: Float[np.ndarray, " unit"]
    notes: tuple[str, ...] = ()
    """What was left out or censored, or why there is none."""
    conditions: tuple[Condition, ...] = ()
    """What must hold, too."""
    resolution: float = 0.0
    """A floor of the standard deviation over units: what rounding alone would give (see `mean_effect`)."""
    name: str = "seeds"
    """What was independent."""


@dataclass(frozen=True)
class Condition:
    """Further units, the side on which their mean must lie, and of what; None: as of the claim itself."""

    units: Units
    side: int | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Resamples:
    """What a test found whose independent units only have a value together: that of the sample, and of resamples."""

    values: Float[np.ndarray, " resample"]
    """The sample's own value first, then one of each bootstrap sample (see `bootstrap_effect`)."""
    count: int
    notes: tuple[str, ...] = ()
    name: str = "examples"
    """What was independent, `count` of them, and resampled."""


@dataclass(frozen=True)
class Estimate:
    """A mean effect over independent units with its 95 % interval.

    `p` is two-sided against `threshold`, so it is below 0.05 exactly where the interval leaves the threshold out.
    Numbers are NaN where they are undefined; `notes` says why, and what was left out or censored.
    """

    effect: float
    low: float
    high: float
    n: int
    p: float
    threshold: float = 0.0
    notes: tuple[str, ...] = ()
    conditions: tuple[tuple[Estimate, int], ...] = ()
    """Further estimates, each with the side of its threshold that it must lie on for the claim to hold."""
    units: str = "seeds"
    """What was independent, and counted by `n`."""


def estimate(found: Units | Resamples, side: int, threshold: float) -> Estimate:
    """Return the estimate of a claim from what its test found: the one place where intervals of claims are made.

    Parameters
    ----------
    found
        What the test returned.
    side
        +1 or -1: the side of the threshold that the claim expects the effect on.
    threshold
        The claim's.
    """
    if isinstance(found, Resamples):
        return bootstrap_effect(found.values, found.count, units=found.name, threshold=threshold, notes=found.notes)
    conditions = []
    for condition in found.conditions:
        limit = threshold if condition.threshold is None else condition.threshold
        part = estimate(condition.units, side, limit)
        conditions.append((part, side if condition.side is None else condition.side))
    mean = mean_effect(
        found.values, threshold=threshold, resolution=found.resolution, notes=found.notes, conditions=conditions
    )
    return replace(mean, units=found.name)


def mean_effect(
    values: Float[np.ndarray, " seed"] | Sequence[float],
    *,
    threshold: float = 0.0,
    resolution: float = 0.0,
    notes: Sequence[str] = (),
    conditions: Sequence[tuple[Estimate, int]] = (),
) -> Estimate:
    """Return the mean of one value per seed with its Student interval and its p value against `threshold`.

    Parameters
    ----------
    values
        One finite value per independent unit.
    threshold
        The null hypothesis' mean.
    resolution
        A floor of the standard deviation over seeds: what rounding alone would give (a width is only known to an
        octave). Without it, seeds that happen to agree would be infinitely certain.
    notes, conditions
        Passed on.

    Returns
    -------
    Estimate
        As `scipy.stats.ttest_1samp` gives it where `resolution` does not bind.
    """
    values = np.asarray(values, dtype=float)
    count, rest = len(values), {"threshold": threshold, "notes": tuple(notes), "conditions": tuple(conditions)}
    if count == 0:
        return Estimate(math.nan, math.nan, math.nan, 0, math.nan, **rest)
    mean = float(values.mean())
    if count == 1:
        return Estimate(mean, math.nan, math.nan, 1, math.nan, **rest)
    error = max(float(values.std(ddof=1)), resolution) / math.sqrt(count)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, count - 1)) * error
    away = abs(mean - threshold)
    statistic = away / error if error > 0 else (math.inf if away > 0 else 0.0)
    p = 2 * float(stats.t.sf(statistic, count - 1))
    return Estimate(mean, mean - half, mean + half, count, p, **rest)


def bootstrap_effect(
    values: Float[np.ndarray, " resample"],
    count: int,
    *,
    units: str = "examples",
    threshold: float = 0.0,
    notes: Sequence[str] = (),
) -> Estimate:
    """Return an effect with the percentile interval of its bootstrap samples, and its p value against `threshold`.

    Parameters
    ----------
    values
        The effect of the sample itself, then that of every bootstrap sample. A NaN among these might have been
        anything, so it lies beyond both ends of the interval; a first value of NaN leaves everything undefined.
    count, units
        How many independent units were resampled, and what they are.
    threshold, notes
        Passed on.

    Returns
    -------
    Estimate
        The interval ends at the order statistics that leave out fewer than 2.5 % of the samples at either side.
        `p` is twice the share of samples on the other side of the threshold, the sample itself counted among them
        (Davison and Hinkley 1997, 4.2.3), so it is below 0.05 exactly where the interval leaves the threshold out.
    """
    effect, samples = float(values[0]), values[1:]
    rest = {"threshold": threshold, "notes": tuple(notes), "units": units}
    if math.isnan(effect):
        return Estimate(effect, math.nan, math.nan, count, math.nan, **rest)
    unknown = np.isnan(samples)
    last = math.ceil(round((1 - CONFIDENCE) / 2 * (len(samples) + 1), 6)) - 2  # of 1999, the 49th from either end
    low = float(np.sort(np.where(unknown, -np.inf, samples))[last])
    high = float(np.sort(np.where(unknown, np.inf, samples))[::-1][last])
    beyond = min(int((unknown | (samples <= threshold)).sum()), int((unknown | (samples >= threshold)).sum()))
    return Estimate(effect, low, high, count, min(1.0, 2 * (beyond + 1) / (len(samples) + 1)), **rest)


def verdict(estimate: Estimate, side: int) -> str:
    """Return `supported`, `contradicted` or `undecided`.

    Supported: the interval, and that of every condition, lies wholly on its expected side of its threshold.
    Contradicted: one of them lies wholly on the other side. Undecided: anything else, and fewer than `FEWEST_SEEDS`.
    """
    parts = [(estimate, side), *estimate.conditions]
    if any(part.n < FEWEST_SEEDS for part, _ in parts):
        return "undecided"
    if any(_beyond(part, -way) for part, way in parts):
        return "contradicted"
    return "supported" if all(_beyond(part, way) for part, way in parts) else "undecided"


def decisive_p(estimate: Estimate, side: int) -> float:
    """Return the p value behind the verdict.

    A contradiction rests on its strongest part alone; otherwise everything must hold, so the weakest part decides.
    """
    parts = [(estimate, side), *estimate.conditions]
    against = [part.p for part, way in parts if _beyond(part, -way)]
    return min(against) if against else max(part.p for part, _ in parts)


def _beyond(estimate: Estimate, side: int) -> bool:
    """Whether the whole interval lies on that side of its threshold."""
    return bool(estimate.low > estimate.threshold if side > 0 else estimate.high < estimate.threshold)
