"""How unequal training examples are: from how many of many networks get each wrong (B-Fig 1).

Networks that differ in initial weights and batch order alone see the same examples. Were all examples equally hard,
the number of networks that get one wrong would be binomial over examples. All statistics here are functions of sums
over examples, so a bootstrap over examples is one product with a matrix of weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Integer
from scipy import stats

RESAMPLES = 1999
"""Bootstrap samples: 95 % intervals then end at whole order statistics."""


@dataclass(frozen=True)
class Difficulty:
    """What the examples came to, (resample, look); the first resample is the sample itself.

    `mean_error` is the share of wrong answers; `dispersion` the variance over examples of how many networks are wrong,
    as a multiple of the binomial's; `always_right` the share of examples that every network gets right.
    """

    mean_error: Float[np.ndarray, "resample look"]
    dispersion: Float[np.ndarray, "resample look"]
    always_right: Float[np.ndarray, "resample look"]


@lru_cache(maxsize=4)
def resampling_weights(examples: int, resamples: int = RESAMPLES) -> Float[np.ndarray, "resample example"]:
    """Return how often each example occurs in each bootstrap sample; the first row is the sample itself, all ones.

    The same weights for the same sizes, so that samples drawn of two kinds of noise are of the same examples: pairs
    are resampled as pairs.
    """
    drawn = np.random.default_rng(0).multinomial(examples, np.full(examples, 1 / examples), size=resamples)
    weights = np.concatenate([np.ones((1, examples)), drawn])
    weights.flags.writeable = False  # it is handed out again
    return weights


def difficulty(wrong: Integer[np.ndarray, "look example"], networks: int, resamples: int = RESAMPLES) -> Difficulty:
    """Return how unequal the examples are at each look, for the sample and for bootstrap samples of the examples.

    Parameters
    ----------
    wrong
        How many of the networks classify the example otherwise than labelled, 0 to `networks`.
    networks
        How many there are, at least 1.
    resamples
        Bootstrap samples; may be 0.

    Returns
    -------
    Difficulty
        With k_i the numbers wrong, n networks, N examples and p = mean(k) / n, `dispersion` is the chi-square statistic
        sum((k_i - n p)^2) / (n p (1 - p)) over its N - 1 degrees of freedom: 1 for equal examples, and
        1 + (n - 1) V / (p (1 - p)) for chances of variance V. So it grows with the number of networks: compare equal
        numbers. NaN where all answers are right, or all wrong.

    Raises
    ------
    ValueError
        If there are fewer than two examples, no network, or a number wrong is out of range.
    """
    count = wrong.shape[1]
    if count < 2 or networks < 1:
        raise ValueError(f"{count} examples and {networks} networks: at least 2 and 1 are needed")
    if wrong.size and not (wrong.min() >= 0 and wrong.max() <= networks):
        raise ValueError(f"numbers of wrong networks must be from 0 to {networks}")
    weights = resampling_weights(count, resamples)
    sums = np.concatenate([wrong, wrong.astype(float) ** 2, wrong == 0]).astype(float)
    mean, square, right = np.split(weights @ sums.T / count, 3, axis=1)
    error = mean / networks
    expected = networks * error * (1 - error)
    variance = (square - mean**2) * count / (count - 1)
    dispersion = np.divide(variance, expected, out=np.full_like(error, np.nan), where=expected > 1e-12)
    return Difficulty(error, dispersion, right)


def binomial_order(networks: int, chance: float, examples: int) -> Float[np.ndarray, " example"]:
    """Return the sorted shares of right answers that equally hard examples would have: quantiles of the binomial."""
    ranks = (np.arange(examples) + 0.5) / examples
    return stats.binom.ppf(ranks, networks, chance) / networks


def at_error(
    error: Float[np.ndarray, "resample look"],
    values: Float[np.ndarray, "resample look"],
    wanted: Float[np.ndarray, " resample"],
) -> Float[np.ndarray, " resample"]:
    """Return `values` where training first brings the mean error down to `wanted`, linear between two looks.

    Looks are in the order of training. NaN where the error is never that low, or was below it from the first look on.
    """
    low = error <= wanted[:, None]
    after = low.argmax(axis=1)
    bracketed = low.any(axis=1) & ((after > 0) | (error[:, 0] == wanted))
    before = np.maximum(after - 1, 0)
    rows = np.arange(len(error))
    step = error[rows, before] - error[rows, after]
    part = np.divide(error[rows, before] - wanted, step, out=np.ones_like(step), where=step > 0)
    between = values[rows, before] * (1 - part) + values[rows, after] * part
    return np.where(bracketed, np.where(part == 1, values[rows, after], between), np.nan)
