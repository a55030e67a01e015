"""How large a network of a specification is, counted without torch; `closerlook.planning.cost` reckons with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from closerlook.data.sets import SETS
from closerlook.spec import Ensemble


@dataclass(frozen=True)
class Size:
    """What one network amounts to.

    `inputs`: numbers of an example; `first` and `products`: multiply-adds an example in the first layer and in all;
    `parameters`: all that a checkpoint holds, in `tensors` arrays; `sites`: numbers an example at the sites of
    `Network.sites`, the inputs' among them; `tape`: numbers an example that a training step keeps.
    """

    inputs: int
    first: int
    products: int
    parameters: int
    tensors: int
    sites: int
    tape: int
    classes: int


def network_size(spec: Ensemble) -> Size:
    """Return the size of an ensemble's network; tests/test_sizes.py holds it against the network itself."""
    return {"mlp": _mlp, "alexnet": _alexnet}[spec.network](spec)


def layer_sizes(spec: Ensemble) -> list[int]:
    """Return the units of every layer of an mlp, inputs and classes included."""
    dataset = SETS[spec.dataset]
    classes = spec.examples if spec.own_class else dataset.classes
    return [dataset.image_shape[0] * spec.image_size**2, *spec.widths, classes]


def _mlp(spec: Ensemble) -> Size:
    sizes = layer_sizes(spec)
    weights = [below * above for below, above in pairwise(sizes)]
    sites = sum(sizes[:-1])
    return Size(
        inputs=sizes[0],
        first=weights[0],
        products=sum(weights),
        parameters=sum(weights) + sum(sizes[1:]),
        tensors=2 * len(weights),
        sites=sites,
        tape=sites,
        classes=sizes[-1],
    )


def _alexnet(spec: Ensemble) -> Size:
    """Count `closerlook.nets.alexnet`: crop by 2, pools that halve and round up, no bias before a norm."""
    inputs, *widths, classes = layer_sizes(spec)
    channels = SETS[spec.dataset].image_shape[0]
    full = spec.image_size - 4
    half = math.ceil(full / 2)
    quarter = math.ceil(half / 2)
    weights = [
        widths[0] * channels * 25,
        widths[1] * widths[0] * 25,
        widths[2] * widths[1] * quarter**2,
        widths[3] * widths[2],
        classes * widths[3],
    ]
    uses = [full**2, half**2, 1, 1, 1]  # times that a weight is used for one example
    products = [weight * use for weight, use in zip(weights, uses, strict=True)]
    pooled = widths[0] * half**2 + widths[1] * quarter**2
    convolved = widths[0] * full**2 + widths[1] * half**2
    dense = widths[2] + widths[3]
    return Size(
        inputs=inputs,
        first=products[0],
        products=sum(products),
        parameters=sum(weights) + 4 * sum(widths) + classes,
        tensors=5 + 4 * 4 + 1,
        sites=inputs + pooled + dense,
        tape=inputs + 2 * convolved + 3 * pooled + 3 * dense,
        classes=classes,
    )
