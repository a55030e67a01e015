"""The small AlexNet for CIFAR-10 of *A Closer Look at Memorization in Deep Networks*: what computes it.

Members are taken one after the other: on a CPU that was fastest for all but the narrowest nets, and on a GPU one
network of the paper's size fills it (`bench/README.md` has the alternatives, side by side).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from closerlook.nets.alexnet import CONVOLUTIONS, CROP, HIDDEN, KERNEL, network
from closerlook.nets.network import AutogradNetwork, Perturbation
from closerlook.nets.normalization import normalize


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
    whose dense layers these are.
    """

    architecture = network

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


build = SmallAlexNet
