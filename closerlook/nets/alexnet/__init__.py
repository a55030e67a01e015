"""The small AlexNet for CIFAR-10 of *A Closer Look at Memorization in Deep Networks*, after Zhang et al. (2017)."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, prod
from typing import Any

from closerlook.nets.architecture import Architecture, Layer, dense, normalized

CROP = 2
"""Pixels taken off every side."""
KERNEL = 5
CONVOLUTIONS, HIDDEN = 2, 4
"""Layers 0 and 1 are convolutions, 2 and 3 dense; layer 4 gives the outputs."""
DENSE = (1.92, 0.96)
"""Units of the dense layers over the filters of a convolution: 384 and 192 with 200 (B.1 of the paper's set-up)."""


def layers(input_shape: tuple[int, ...], widths: tuple[int, ...], classes: int, options: Any) -> Iterator[Layer]:
    """Yield two convolutions, each with its pool, two dense layers, all four with batch norm, and the last one.

    A layer before a batch norm has no bias: its mean is taken off. A convolution keeps what it gives, normalised or
    not, pooled, and from where.
    """
    if min(input_shape[1:]) <= 2 * CROP:
        sides = " x ".join(map(str, input_shape[1:]))
        raise ValueError(f"image_size: an alexnet crops {CROP} pixels from every side of {sides}; it needs 5")
    if len(widths) != HIDDEN:
        raise ValueError(f"width: an alexnet takes {HIDDEN} (filters, filters, units, units), not {len(widths)}")
    channels, *sides = input_shape
    sides = [side - 2 * CROP for side in sides]
    for number, filters in enumerate(widths[:CONVOLUTIONS]):
        pooled = [ceil(side / 2) for side in sides]
        convolution = Layer(
            {f"weight{number}": (filters, channels, KERNEL, KERNEL)},
            uses=prod(sides),
            site=(filters, *pooled),
            kept=filters * (2 * prod(sides) + 3 * prod(pooled)),
        )
        yield normalized(convolution, number, filters)
        channels, sides = filters, pooled
    inputs = channels * prod(sides)
    for number, units in enumerate(widths[CONVOLUTIONS:], CONVOLUTIONS):
        hidden = Layer(dense(number, inputs, units, bias=False), site=(units,), kept=3 * units)
        yield normalized(hidden, number, units)
        inputs = units
    yield Layer(dense(HIDDEN, inputs, classes))


def widths(width: int, options: Any) -> tuple[int, ...]:
    """Return filters of both convolutions and units of both dense layers."""
    return (width, width, *(max(1, round(share * width)) for share in DENSE))


network = Architecture(words="small AlexNet", layers=layers, widths=widths)
