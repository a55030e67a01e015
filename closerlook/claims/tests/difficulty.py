"""Tests of whether some training examples are easier than others (B1, B2), on the table of figure `easy_examples`.

The independent units are the examples, given the ensemble of networks: intervals are bootstrap intervals over
examples. Rows are of one data set and size; real data and one kind of noise at one level, or a single kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from closerlook.claims.estimates import Resamples
from closerlook.claims.tests.effects import NOT_RUN, register
from closerlook.numerics.difficulty import Difficulty, at_error, difficulty
from closerlook.tables.answers import one_epoch, wrong_networks

COLUMNS = ("noise", "level", "step", "epoch", "example", "right", "networks", "diverged_networks")
AFTER_ONE = "after one epoch"


@dataclass(frozen=True)
class _Kind:
    """One kind of data: its difficulty along training, and which look is the one after one epoch."""

    found: Difficulty
    one: int
    examples: int

    def dispersions(self) -> Float[np.ndarray, "resample look"]:
        """Return ln of the dispersion; NaN where it is not positive."""
        positive = self.found.dispersion > 0
        return np.log(self.found.dispersion, out=np.full_like(self.found.dispersion, np.nan), where=positive)

    def easy(self) -> Float[np.ndarray, "resample look"]:
        """Return the percentage of examples that all networks get right."""
        return 100 * self.found.always_right


@register(COLUMNS, "variance over examples of the number of networks wrong, over the binomial's", "ratio")
def dispersion(rows: pd.DataFrame) -> Resamples:
    """After one epoch, how much more the examples of one kind differ than equally hard ones would: 1 for those."""
    if (kind := _kind(rows)) is None:
        return _missing("no look after exactly one epoch")
    return Resamples(kind.found.dispersion[:, kind.one], kind.examples, _lost(rows))


@register(COLUMNS, f"ln(dispersion of errors over examples, real data / noise) {AFTER_ONE}", "ln ratio", base=math.e)
def more_dispersed(rows: pd.DataFrame) -> Resamples:
    """After one epoch, ln of real data's dispersion over that of noise; both resampled over the same examples."""
    if (pair := _pair(rows)) is None:
        return _missing("real data, noise, or the look after one epoch missing")
    real, noise = pair
    ratio = real.dispersions()[:, real.one] - noise.dispersions()[:, noise.one]
    return Resamples(ratio, real.examples, _lost(rows))


@register(
    COLUMNS, "ln(dispersion of errors over examples, real data / noise) at equal mean error", "ln ratio", base=math.e
)
def more_dispersed_at_equal_error(rows: pd.DataFrame, *, error_of: str) -> Resamples:
    """Ln of real data's dispersion over noise's, at the mean error that `error_of` (real, noise) has after one epoch.

    The other kind passes that error earlier or later in its training; its ln dispersion there is linear between looks.
    """
    return _at_equal_error(rows, error_of, _Kind.dispersions)


@register(COLUMNS, "share of examples never wrong, real data less noise, at equal mean error", "percentage points")
def more_easy_at_equal_error(rows: pd.DataFrame, *, error_of: str) -> Resamples:
    """Percentage of examples that every network gets right, real data's less noise's, at that mean error."""
    return _at_equal_error(rows, error_of, _Kind.easy)


def _at_equal_error(rows: pd.DataFrame, error_of: str, number: Callable[[_Kind], np.ndarray]) -> Resamples:
    if error_of not in ("real", "noise"):
        raise ValueError(f"error_of: '{error_of}' must be real or noise")
    if (pair := _pair(rows)) is None:
        return _missing("real data, noise, or the look after one epoch missing")
    fixed, passing = pair if error_of == "real" else pair[::-1]
    wanted = fixed.found.mean_error[:, fixed.one]
    matched = at_error(passing.found.mean_error, number(passing), wanted)
    difference = (number(fixed)[:, fixed.one] - matched) * (1 if error_of == "real" else -1)
    reached = np.isfinite(matched)
    notes = [f"compared at a mean error of {wanted[0]:.3f}"]
    if not reached[0]:
        passed = passing.found.mean_error[0]
        notes = [
            f"mean error {wanted[0]:.3f} not reached: the other kind went from {passed[0]:.3f} to {passed[-1]:.3f}"
        ]
    elif not reached.all():
        notes += [f"not reached in {int((~reached).sum())} of {len(reached) - 1} bootstrap samples"]
    return Resamples(difference, fixed.examples, (*_lost(rows), *notes))


def _pair(rows: pd.DataFrame) -> tuple[_Kind, _Kind] | None:
    """Return real data and the noise; None where one of them, or its look after one epoch, is not there."""
    real, noise = _kind(rows[rows["noise"] == "none"]), _kind(rows[rows["noise"] != "none"])
    return (real, noise) if real and noise else None


def _kind(rows: pd.DataFrame) -> _Kind | None:
    if (step := one_epoch(rows)) is None:
        return None
    wrong = wrong_networks(rows)
    found = difficulty(wrong.to_numpy(int), int(rows["networks"].iloc[0]))
    return _Kind(found, list(wrong.index).index(step), wrong.shape[1])


def _lost(rows: pd.DataFrame) -> tuple[str, ...]:
    lost = int(rows[["noise", "level", "diverged_networks"]].drop_duplicates()["diverged_networks"].sum())
    return (f"diverged networks left out of the counts: {lost}",) if lost else ()


def _missing(reason: str) -> Resamples:
    return Resamples(np.full(1, np.nan), 0, (f"{NOT_RUN}: {reason}",))
