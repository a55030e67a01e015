"""How structured a first layer's filters are: two numbers that are 0 and 1 for white weights (B-Fig 2).

A network's number pools its filters: sums over filters of numerator and denominator, so a filter weighs as its
variance does. Units that training hardly moved then say little about what was learned, and dead units nothing.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

Filters = Float[np.ndarray, "filter channel row column"]


def as_images(weights: Float[np.ndarray, "filter ..."], size: int) -> Filters:
    """Return a first layer's weights as images.

    Parameters
    ----------
    weights
        (filter, channel, row, column) of a convolution, returned as they are, or (unit, input) of a fully connected
        layer on images of `size` x `size`.

    Raises
    ------
    ValueError
        If inputs of another number than (channels) x `size` x `size` are given.
    """
    if weights.ndim == 4:
        return weights
    if weights.ndim != 2 or weights.shape[1] % size**2:
        raise ValueError(f"weights of shape {weights.shape} are no filters on images of {size}x{size}")
    return weights.reshape(len(weights), -1, size, size)


def neighbour_correlation(filters: Filters) -> float:
    """Return the correlation between horizontally and vertically neighbouring weights (Moran's I), pooled over filters.

    About each filter's mean in each channel. Its removal lowers the expectation for exchangeable weights to
    -1/(pixels - 1) (Cliff and Ord 1981); mapped back, white weights have expectation 0, and smooth ones come near 1.
    NaN where all filters are constant, or some weight is not finite.
    """
    pixels = filters.shape[2] * filters.shape[3]
    centred = _centred(filters)
    across, down = centred[..., 1:] * centred[..., :-1], centred[:, :, 1:] * centred[:, :, :-1]
    pairs = (across.size + down.size) / (filters.shape[0] * filters.shape[1])
    moran = _ratio((across.sum() + down.sum()) * pixels / pairs, (centred**2).sum())
    return (moran * (pixels - 1) + 1) / pixels


def low_frequency_power(filters: Filters) -> float:
    """Return the power at low spatial frequencies, the mean left out, as a multiple of white weights' share.

    Low is below half of the highest frequency along rows and along columns: the lowest quarter of the plane. Pooled
    over filters and channels; white weights have 1, and at most about 4 is possible. NaN as in `neighbour_correlation`,
    and for filters smaller than 5 pixels, which have no such frequency.
    """
    low = low_frequencies(*filters.shape[2:])
    if not low.any():
        return float("nan")
    power = np.abs(np.fft.fft2(_centred(filters))) ** 2
    return _ratio(power[..., low].sum(), power.sum()) * (low.size - 1) / low.sum()


def low_frequencies(rows: int, columns: int) -> Bool[np.ndarray, "row column"]:
    """Return which terms of a discrete Fourier transform are low, as `low_frequency_power` says; not the constant."""
    low = (np.abs(np.fft.fftfreq(rows))[:, None] < 0.25) & (np.abs(np.fft.fftfreq(columns)) < 0.25)
    low[0, 0] = False
    return low


def _centred(filters: Filters) -> Filters:
    values = filters.astype(np.float64)
    centred = values - values.mean(axis=(2, 3), keepdims=True)
    rounding = 1e-12 * np.abs(values).max(initial=0)  # a constant filter must not pass for noise of 1e-17
    return np.where(np.abs(centred) <= rounding, 0.0, centred)


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below > 0 else float("nan")
