"""How a network declares its layers: once, on its light side; its parameters, sites, work and memory follow from that.

All counts are of one example. The class that computes is on the heavy side (`closerlook.nets.network.Network`), and
takes the names and shapes of its parameters from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

Shape = tuple[int, ...]

STATISTICS = ("running_mean", "running_variance")
"""What batch norm remembers of past batches, a number each for every channel."""


@dataclass(frozen=True)
class Layer:
    """A layer as its network declares it.

    Attributes
    ----------
    parameters : mapping of str to tuple of int
        Name and shape of each parameter, in the order in which they are stored.
    uses : int
        How many times the weights (parameters of two or more axes) are multiplied with for one example: 1 in a dense
        layer, the number of places in a convolution.
    site : tuple of int, optional
        Shape of what the layer hands on, where regularisers may act; None: none does.
    kept : int, optional
        Numbers that a training step keeps of the layer for its backward pass; None: as many as the site has.
    statistics, ones : tuple of str
        Names of parameters that no gradient moves, and of those that are 1 in a fresh network (weights are drawn, all
        others are 0).
    """

    parameters: Mapping[str, Shape]
    uses: int = 1
    site: Shape | None = None
    kept: int | None = None
    statistics: tuple[str, ...] = ()
    ones: tuple[str, ...] = ()

    @property
    def products(self) -> int:
        """Multiply-adds."""
        return self.uses * sum(prod(shape) for shape in self.parameters.values() if len(shape) > 1)

    @property
    def tape(self) -> int:
        """Numbers that a training step keeps."""
        return self.kept if self.kept is not None else prod(self.site or (0,))


def dense(number: int, inputs: int, units: int, *, bias: bool = True) -> dict[str, Shape]:
    """Return the parameters of a fully connected layer: ``weight<number>`` and, unless left out, ``bias<number>``."""
    return {f"weight{number}": (units, inputs)} | ({f"bias{number}": (units,)} if bias else {})


def normalized(layer: Layer, number: int, channels: int) -> Layer:
    """Return the layer followed by batch norm: ``scale<number>``, ``shift<number>`` and the running statistics."""
    names = [f"{name}{number}" for name in ("scale", "shift", *STATISTICS)]
    return replace(
        layer,
        parameters={**layer.parameters, **dict.fromkeys(names, (channels,))},
        statistics=(*layer.statistics, *names[2:]),
        ones=(*layer.ones, names[0], names[3]),
    )


@dataclass(frozen=True)
class Structure:
    """A network of given sizes: what its layers amount to."""

    input_shape: Shape
    widths: tuple[int, ...]
    classes: int
    layers: tuple[Layer, ...]

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Name and shape of every parameter, in the order in which they are stored."""
        return {name: shape for layer in self.layers for name, shape in layer.parameters.items()}

    @cached_property
    def parameters(self) -> int:
        """Numbers that a checkpoint holds, statistics included."""
        return sum(map(prod, self.shapes.values()))

    @property
    def tensors(self) -> int:
        """How many arrays they lie in."""
        return len(self.shapes)

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of the parameters that no gradient moves."""
        return tuple(name for layer in self.layers for name in layer.statistics)

    @property
    def ones(self) -> tuple[str, ...]:
        """Names of the parameters that are 1 in a fresh network."""
        return tuple(name for layer in self.layers for name in layer.ones)

    @property
    def inputs(self) -> int:
        """Numbers of an example."""
        return prod(self.input_shape)

    @property
    def first(self) -> int:
        """Multiply-adds in the first layer, whose inputs take no derivative in training."""
        return self.layers[0].products

    @property
    def products(self) -> int:
        """Multiply-adds in all layers."""
        return sum(layer.products for layer in self.layers)

    @property
    def site_shapes(self) -> tuple[Shape, ...]:
        """Shapes of what regularisers may perturb, the input's first."""
        return (self.input_shape, *(layer.site for layer in self.layers if layer.site is not None))

    @property
    def sites(self) -> int:
        """Numbers at all of these."""
        return sum(map(prod, self.site_shapes))

    @property
    def tape(self) -> int:
        """Numbers that a training step keeps for its backward pass."""
        return self.inputs + sum(layer.tape for layer in self.layers)


@dataclass(frozen=True)
class NoOptions:
    """A network without options of its own."""


def same_width(width: int, options: Any) -> tuple[int, ...]:
    """Return one hidden layer of the width."""
    return (width,)


@dataclass(frozen=True)
class Architecture:
    """The light side of a network.

    Attributes
    ----------
    words : str
        What it is called in a figure.
    layers : callable
        ``(input_shape, widths, classes, options) -> layers``, for inputs of a shape (channel, row, column) and hidden
        layers of the sizes `widths`. It raises a ValueError of one line, which begins with the option to change, where
        there is no such network.
    widths : callable
        ``(width, options) -> sizes of the hidden layers`` that the option `width` of an experiment stands for.
    options : type
        A frozen dataclass of further options, with bounds and a docstring for each.
    """

    words: str
    layers: Callable[[Shape, tuple[int, ...], int, Any], Iterable[Layer]]
    widths: Callable[[int, Any], tuple[int, ...]] = same_width
    options: type = NoOptions

    def structure(
        self, input_shape: Shape, widths: tuple[int, ...], classes: int, options: Any | None = None
    ) -> Structure:
        """Return the network of given sizes."""
        sizes = tuple(input_shape), tuple(widths), classes
        return Structure(*sizes, tuple(self.layers(*sizes, self.options() if options is None else options)))
