"""A multi-layer perceptron: fully connected layers with ReLU between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Annotated

from annotated_types import Ge, Le

from closerlook.nets.architecture import Architecture, Layer, dense


@dataclass(frozen=True)
class Options:
    """Options of an mlp."""

    depth: Annotated[int, Ge(1), Le(100)] = 2
    """hidden layers"""


def layers(input_shape: tuple[int, ...], widths: tuple[int, ...], classes: int, options: Options) -> Iterator[Layer]:
    """Yield the hidden layers and the last one."""
    sizes = (prod(input_shape), *widths, classes)
    for number, (inputs, units) in enumerate(pairwise(sizes)):
        yield Layer(dense(number, inputs, units), site=(units,) if number < len(widths) else None)


network = Architecture(
    words="MLP", layers=layers, widths=lambda width, options: (width,) * options.depth, options=Options
)
