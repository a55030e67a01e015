"""Multi-layer perceptrons with ReLU units: the networks of *Deep Nets Don't Learn via Memorization* and most others.

The backward pass is written by hand: with small layers most of autograd's time is bookkeeping, and a stack of small
networks trains several times faster a network than a plain loop over modules (`bench/README.md` has the figures).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from closerlook.nets.mlp import network
from closerlook.nets.network import Network, Perturbation
from closerlook.objectives.objective import Objective

CHUNK_BYTES = 2**27
"""Size of one layer's hidden units, over all members, up to which `hessian_operator` takes examples at once."""

TAPE_BYTES = 2**33
"""A Hessian operator whose tape is larger than this recomputes it for every product (a third more work)."""


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


@dataclass
class SecondOrderTape:
    """What products with the Hessian share: a chunk's first-order quantities, and room to work in.

    `slopes` are the derivatives of the hidden units (0 or 1), `deltas` those of the loss with respect to each layer's
    outputs; `tangents` and `adjoints` are scratch, overwritten by every product.
    """

    layers: dict[str, Tensor]
    inputs: list[Tensor]
    slopes: list[Tensor]
    outputs: Tensor
    targets: Tensor
    deltas: list[Tensor]
    tangents: list[Tensor]
    adjoints: list[Tensor]


class MLP(Network):
    """Fully connected layers; ReLU between them, none after the last. Examples are flattened.

    Its derivatives are written by hand for this forward pass, here and in `closerlook.numerics`, so no subclass may
    have another one: that is a network of its own, an `AutogradNetwork`.
    """

    architecture = network

    def __init_subclass__(cls, **keywords: object) -> None:
        """Refuse a subclass that computes otherwise.

        Raises
        ------
        TypeError
            If it has a forward pass, or a derivative, of its own.
        """
        super().__init_subclass__(**keywords)
        if changed := [name for name in BY_HAND if getattr(cls, name) is not getattr(MLP, name)]:
            raise TypeError(
                f"{cls.__name__}: changes {changed[0]} of an MLP, whose derivatives are written by hand for its own; "
                "subclass AutogradNetwork instead"
            )

    @property
    def depth(self) -> int:
        """Layers with weights."""
        return len(self.widths) + 1

    def sites(self, batch: int) -> list[tuple[int, ...]]:
        """See `Network.sites`; hidden units come before examples."""
        return [(batch, *self.input_shape), *((width, batch) for width in self.widths)]

    def forward(
        self,
        parameters: Float[Tensor, "member parameter"],
        inputs: Float[Tensor, "member batch *site"],
        perturbation: Perturbation | None = None,
        training: bool = False,
    ) -> tuple[Float[Tensor, "member class batch"], Tape]:
        """See `Network.forward`; training and evaluation are the same."""
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
        into: dict[str, Tensor],
        keep: float = 0.0,
    ) -> None:
        """See `Network.backward`; the matrix products themselves add to what `into` keeps."""
        delta = output_gradient
        for layer in reversed(range(self.depth)):
            into[f"weight{layer}"].baddbmm_(delta, tape.inputs[layer].transpose(1, 2), beta=keep)
            bias = into[f"bias{layer}"]
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

    def hessian_operator(
        self,
        parameters: Float[Tensor, "member parameter"],
        inputs: Float[Tensor, "member batch *site"],
        targets: Int[Tensor, "member batch"],
        objective: Objective,
    ) -> Callable[[Float[Tensor, "member vector parameter"]], Float[Tensor, "member vector parameter"]]:
        """Return the product with each member's Hessian of the mean loss over the batch.

        The R-operator (Pearlmutter, *Fast exact multiplication by the Hessian*, 1994) by hand: per example and vector
        6 multiplications a weight (2 in the first layer), nothing kept of a graph. Examples go in chunks, so memory is
        bounded whatever the batch; chunks add, so unequal ones are exact.
        """
        count = inputs.shape[1]
        unit_bytes = parameters.shape[0] * parameters.element_size() * max(self.widths, default=1)
        size = max(CHUNK_BYTES // unit_bytes, 1)
        chunks = list(zip(inputs.split(size, dim=1), targets.split(size, dim=1), strict=True))

        def tape(chunk: tuple[Tensor, Tensor]) -> SecondOrderTape:
            return self._second_order_tape(parameters, *chunk, objective)

        fits = 4 * unit_bytes * len(self.widths) * count <= TAPE_BYTES
        kept = [tape(chunk) for chunk in chunks] if fits else None

        def product(vectors: Tensor) -> Tensor:
            products = torch.zeros_like(vectors, memory_format=torch.contiguous_format)
            for current in kept or map(tape, chunks):
                for vector, into in zip(vectors.unbind(1), products.unbind(1), strict=True):
                    self._add_product(current, self.views(vector), self.views(into), objective)
            return products.div_(count)

        return product

    def _second_order_tape(
        self, parameters: Tensor, inputs: Tensor, targets: Tensor, objective: Objective
    ) -> SecondOrderTape:
        outputs, first = self.forward(parameters, inputs)
        deltas = [objective.gradient(outputs, targets)]
        for layer in reversed(range(1, self.depth)):
            deltas.insert(0, self._through_unit(first, layer, deltas[0]))
        return SecondOrderTape(
            layers=first.layers,
            inputs=first.inputs,
            slopes=[hidden.sign() for hidden in first.hidden],
            outputs=outputs,
            targets=targets,
            deltas=deltas,
            tangents=[torch.empty_like(delta) for delta in deltas],
            adjoints=[torch.empty_like(delta) for delta in deltas],
        )

    def _add_product(
        self, tape: SecondOrderTape, vector: dict[str, Tensor], into: dict[str, Tensor], objective: Objective
    ) -> None:
        """Add the Hessian of the summed loss of a chunk, times one vector a member, to `into`.

        Both passes are the directional derivatives of `forward` and `backward`, line by line.
        """
        for layer, tangent in enumerate(tape.tangents):
            torch.baddbmm(
                vector[f"bias{layer}"].unsqueeze(2), vector[f"weight{layer}"], tape.inputs[layer], out=tangent
            )
            if layer:
                tangent.baddbmm_(tape.layers[f"weight{layer}"], tape.tangents[layer - 1])
            if layer + 1 < self.depth:
                tangent.mul_(tape.slopes[layer])
        adjoint = objective.hessian_product(tape.outputs, tape.targets, tape.tangents[-1])
        for layer in reversed(range(self.depth)):
            into[f"bias{layer}"].add_(adjoint.sum(dim=2))
            weight = into[f"weight{layer}"].baddbmm_(adjoint, tape.inputs[layer].transpose(1, 2))
            if layer:
                weight.baddbmm_(tape.deltas[layer], tape.tangents[layer - 1].transpose(1, 2))
                below = torch.bmm(tape.layers[f"weight{layer}"].transpose(1, 2), adjoint, out=tape.adjoints[layer - 1])
                below.baddbmm_(vector[f"weight{layer}"].transpose(1, 2), tape.deltas[layer])
                adjoint = below.mul_(tape.slopes[layer - 1])


BY_HAND = ("forward", "backward", "input_gradient", "hessian_operator", "_through_unit", "_add_product")
"""Methods that only fit together."""

build = MLP
