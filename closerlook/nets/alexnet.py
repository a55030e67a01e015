"""The small AlexNet for CIFAR-10 of *A Closer Look at Memorization in Deep Networks*, after Zhang et al. (2017).

Members are taken one after the other: on a CPU that was fastest for all but the narrowest nets, and on a GPU one
network of the paper's size fills it (`bench/README.md` has the alternatives, side by side).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from closerlook.nets.network import AutogradNetwork, Perturbation
from closerlook.nets.normalization import normalization_shapes, normalize, starts_at_one, statistics_names

CROP = 2
"""Pixels taken off every side."""
KERNEL = 5
CONVOLUTIONS, HIDDEN = 2, 4
"""Layers 0 and 1 are convolutions, 2 and 3 dense; layer 4 gives the outputs."""


class SmallAlexNet(AutogradNetwork):
    """Crop; twice [convolution 5x5, batch norm, ReLU, max-pool 3x3]; twice [dense, batch norm, ReLU]; dense.

    Regularisers act on the inputs, before the crop, and on what every later layer gets: the pooled maps and the dense
    hidden units. The papers do not say where; before a pool dropout would hardly be felt, as the largest of nine stays.

    Parameters
    ----------
    input_shape : tuple of int
        (channel, row, column) of one example, at least 5 x 5.
    widths : tuple of int
        Filters of the two convolutions and units of the two dense hidden layers: (200, 200, 384, 192) in the paper.
    classes : int
        Number of outputs.

    Raises
    ------
    ValueError
        If the images are too small, or there are not four widths.

    Notes
    -----
    Padding and pool stride are not in the paper. Zhang et al. (2017) have the same net with 64 filters, biases and no
    batch norm, and count 1 387 786 parameters (their Table 1): that is 7 x 7 maps from 28 x 28 inputs, so convolutions
    keep the size and each pool halves it, rounding up, as in TensorFlow's CIFAR-10 tutorial (stride 2, padding "SAME"),
    whose dense layers these are. Layers before a batch norm have no bias: their mean is taken off.
    """

    def __init__(self, input_shape: tuple[int, ...], widths: tuple[int, ...], classes: int) -> None:
        channels, *sides = input_shape
        if min(sides) <= 2 * CROP:
            least = 2 * CROP + 1
            raise ValueError(
                f"alexnet: images of {sides[0]} x {sides[1]} are too small; the least is {least} x {least}"
            )
        if len(widths) != HIDDEN:
            raise ValueError(f"alexnet: {len(widths)} widths; it takes {HIDDEN}: filters, filters, units, units")
        self.input_shape, self.widths = tuple(input_shape), tuple(widths)
        self.maps = [tuple(side - 2 * CROP for side in sides)]
        for _ in range(CONVOLUTIONS):
            self.maps.append(tuple(math.ceil(side / 2) for side in self.maps[-1]))
        flat = widths[1] * math.prod(self.maps[-1])
        below = (channels, widths[0], flat, widths[2], widths[3])
        self.shapes = {}
        for layer, width in enumerate(widths):
            kernel = (KERNEL, KERNEL) if layer < CONVOLUTIONS else ()
            self.shapes[f"weight{layer}"] = (width, below[layer], *kernel)
            self.shapes |= normalization_shapes(layer, width)
        self.shapes |= {f"weight{HIDDEN}": (classes, below[HIDDEN]), f"bias{HIDDEN}": (classes,)}
        self.statistics = statistics_names(HIDDEN)

    def sites(self, batch: int) -> list[tuple[int, ...]]:
        """See `Network.sites`."""
        pooled = [(batch, width, *sides) for width, sides in zip(self.widths[:2], self.maps[1:], strict=True)]
        return [(batch, *self.input_shape), *pooled, *((batch, width) for width in self.widths[2:])]

    def tape_size(self, batch: int) -> int:
        """See `Network.tape_size`; a convolution keeps what it gives, normalised or not, pooled, and from where."""
        convolved = sum(
            width * (2 * math.prod(full) + 3 * math.prod(pooled))
            for width, full, pooled in zip(self.widths[:2], self.maps[:-1], self.maps[1:], strict=True)
        )
        return batch * (math.prod(self.input_shape) + convolved + 3 * sum(self.widths[2:]))

    def outputs(
        self,
        parameters: dict[str, Tensor],
        inputs: Float[Tensor, "member batch channel row column"],
        perturbation: Perturbation | None,
        training: bool,
    ) -> Float[Tensor, "member class batch"]:
        """See `AutogradNetwork.outputs`."""
        apart = {name: part.unbind() for name, part in parameters.items()}
        each = [
            self._member(
                {name: parts[member] for name, parts in apart.items()},
                own,
                perturbation and perturbation.of(member),
                training,
            )
            for member, own in enumerate(inputs)
        ]
        return torch.stack(each)

    def _member(
        self, parameters: dict[str, Tensor], hidden: Tensor, perturbation: Perturbation | None, training: bool
    ) -> Tensor:
        """Return one member's outputs (class, batch)."""
        if perturbation is not None:
            hidden = perturbation.apply(0, hidden)
        hidden = hidden[..., CROP:-CROP, CROP:-CROP]
        if hidden.device.type == "cpu":  # up to 1.6 times faster; float32 without TF32 is not what a GPU has this for
            hidden = hidden.contiguous(memory_format=torch.channels_last)
        for layer in range(HIDDEN):
            weight = parameters[f"weight{layer}"]
            if layer < CONVOLUTIONS:
                hidden = functional.conv2d(hidden, weight, padding=KERNEL // 2)
            else:
                hidden = functional.linear(hidden.flatten(1), weight)
            hidden = functional.relu_(normalize(parameters, layer, hidden, training))
            if layer < CONVOLUTIONS:
                # "SAME" of TensorFlow: an odd side gets a border of one, an even one has its last window hang over.
                padding = tuple(side % 2 for side in hidden.shape[2:])
                hidden = functional.max_pool2d(hidden, 3, 2, padding, ceil_mode=True)
            if perturbation is not None:
                hidden = perturbation.apply(layer + 1, hidden)
        outputs = functional.linear(hidden, parameters[f"weight{HIDDEN}"], parameters[f"bias{HIDDEN}"])
        return outputs.T

    def _fill(self, name: str, view: Tensor, generator: torch.Generator) -> None:
        if starts_at_one(name):
            view.fill_(1.0)
        else:
            super()._fill(name, view, generator)
