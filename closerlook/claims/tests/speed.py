"""Tests of B-Fig 6: how noise changes what capacity and the number of examples do to the time that fitting takes."""

from __future__ import annotations

import pandas as pd

from closerlook.claims.estimates import Units
from closerlook.claims.tests.effects import counted, over_seeds, register
from closerlook.tables.sweeps import examples_sweep, exponents, reached, slopes, width_sweep


@register(
    ("seed", "noise", "level", "width", "examples", "epochs_to_fit", "epochs"),
    "change of the power-law exponent of epochs to fit with the noise share",
    "exponent per unit of noise share",
)
def exponent_slope_over_level(rows: pd.DataFrame, *, swept: str) -> Units:
    """Per seed, the slope over the noise level of the exponent of epochs to fit as a power of `swept`.

    `swept` is `width` or `examples`, each in its own sweep; between levels 0 and 1 alone the slope is the difference
    of the exponents. A network that had not fitted only bounds its time from below, which would flatten an exponent or
    steepen it, depending on its size; so a size at which any network had not fitted is left out for all.
    """
    sweep = reached({"width": width_sweep, "examples": examples_sweep}[swept](rows))
    late = sorted(set(sweep.loc[~sweep["fitted"], swept]))
    notes = counted(int((~sweep["fitted"]).sum()), "networks not fitted")
    notes += [f"{swept} {', '.join(f'{size:g}' for size in late)} left out"] if late else []
    found = exponents(sweep[~sweep[swept].isin(late)], swept)
    steep = slopes(found, "level", "exponent", ["seed"])["slope"]
    return over_seeds(steep, notes, f"fewer than two noise levels at two values of {swept} that all fitted")
