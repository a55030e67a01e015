"""Multi-layer perceptrons with ReLU units: the networks of *Deep Nets Don't Learn via Memorization* and most others here.

The backward pass is written by hand: with small layers most of autograd's time is bookkeeping, and a stack of 32
networks trains 10 times faster a network than a plain loop over modules (`bench/`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from closerlook.nets.network import Network, Perturbation


@dataclass
class Tape:
    """What the backward pass needs: the named weights, each layer's input, and the hidden units before perturbation.

    Activations are (member, unit, example): with few classes, softmax and the last layer's products run several times
    faster than with the classes last.
    """

    layers: dict[str, Tensor]
    inputs: list[Tensor]
    hidden: list[Tensor]
    perturbation: Perturbation | None


class MLP(Network):
    """Fully connected layers; ReLU between them, none after the last.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one example; it is flattened.
    widths : tuple of int
        Units of each hidden layer, each at least 1.
    classes : int
        Number of outputs.
    """

    def __init__(self, input_shape: tuple[int, ...], widths: tuple[int, ...], classes: int) -> None:
        sizes = [math.prod(input_shape), *widths, classes]
        self.depth = len(sizes) - 1
        self.shapes = {}
        for layer, (fan_in, fan_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            self.shapes[f"weight{layer}"] = (fan_out, fan_in)
            self.shapes[f"bias{layer}"] = (fan_out,)
        self.widths = sizes[1:-1]
        self.input_shape = input_shape

    def sites(self, batch: int) -> list[tuple[int, ...]]:
        """See `Network.sites`; hidden units come before examples."""
        return [(batch, *self.input_shape), *((width, batch) for width in self.widths)]

    def forward(
        self,
        parameters: Float[Tensor, "member parameter"],
        inputs: Float[Tensor, "member batch *site"],
        perturbation: Perturbation | None = None,
    ) -> tuple[Float[Tensor, "member class batch"], Tape]:
        """See `Network.forward`."""
        layers = self.views(parameters)
        if perturbation is not None:
            inputs = perturbation.apply(0, inputs)
        activation = inputs.flatten(2).transpose(1, 2)
        tape = Tape(layers, [activation], [], perturbation)
        for layer in range(self.depth):
            activation = torch.baddbmm(layers[f"bias{layer}"].unsqueeze(2), layers[f"weight{layer}"], activation)
            if layer + 1 < self.depth:
                tape.hidden.append(activation.relu_())
                if perturbation is not None:
                    activation = perturbation.apply(layer + 1, activation)
                tape.inputs.append(activation)
        return activation, tape

    def backward(
        self,
        tape: Tape,
        output_gradient: Float[Tensor, "member class batch"],
        into: Float[Tensor, "member parameter"],
        keep: float = 0.0,
    ) -> None:
        """See `Network.backward`; the matrix products themselves add to what `into` keeps."""
        gradients = self.views(into)
        delta = output_gradient
        for layer in reversed(range(self.depth)):
            gradients[f"weight{layer}"].baddbmm_(delta, tape.inputs[layer].transpose(1, 2), beta=keep)
            bias = gradients[f"bias{layer}"]
            torch.add(delta.sum(dim=2), bias, alpha=keep, out=bias)
            if layer:
                delta = self._through_unit(tape, layer, delta)

    def input_gradient(
        self, tape: Tape, output_gradient: Float[Tensor, "member class batch"]
    ) -> Float[Tensor, "member batch *site"]:
        """See `Network.input_gradient`."""
        delta = output_gradient
        for layer in reversed(range(1, self.depth)):
            delta = self._through_unit(tape, layer, delta)
        gradient = torch.bmm(delta.transpose(1, 2), tape.layers["weight0"]).unflatten(2, self.input_shape)
        if tape.perturbation is not None and tape.perturbation.scale[0] is not None:
            gradient = gradient * tape.perturbation.scale[0]
        return gradient

    def _through_unit(self, tape: Tape, layer: int, delta: Tensor) -> Tensor:
        """Carry the derivative from a layer's output back to the pre-activation of the hidden units below it."""
        delta = torch.bmm(tape.layers[f"weight{layer}"].transpose(1, 2), delta)
        if tape.perturbation is not None and tape.perturbation.scale[layer] is not None:
            delta = delta.mul_(tape.perturbation.scale[layer])
        return torch.ops.aten.threshold_backward(delta, tape.hidden[layer - 1], 0)
