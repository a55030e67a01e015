"""One update backwards, for a block of adjoints at once: the second-order pass of `closerlook.numerics.adjoint`.

All adjoints of one network share its weights, activations and first derivatives. With adjoint weights laid out
(unit, loss, input) and activations' tangents (unit, loss, example), the losses merge into one side of each product:
every one is a single large matrix product, not a batch of small ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from closerlook.nets.mlp.run import MLP
from closerlook.nets.network import Network
from closerlook.objectives.objective import Objective

BLOCK_BYTES = {"cpu": 2**21, "cuda": 2**30}
"""A layer's adjoint weights, over the losses of a block, at most. On a CPU blocks of half this size up to one and a
half times are about equally fast; much smaller ones pay for their number of calls."""


@dataclass
class FirstOrder:
    """What the adjoints of an update share: its outputs, and by layer the weights, inputs, slopes and derivatives.

    `inputs` (unit, example), `slopes` (unit, 1, example) with 0 or 1 for every hidden unit, `deltas` (unit, example):
    of each example's loss with respect to the layer's outputs.
    """

    layers: dict[str, Tensor]
    inputs: list[Tensor]
    slopes: list[Tensor]
    deltas: list[Tensor]
    outputs: Tensor
    labels: Tensor


class MLPAdjoints:
    """Adjoints of some losses of a multi-layer perceptron, and the input derivatives that they have left behind.

    Parameters
    ----------
    network, objective
        What is trained, and to minimise what.
    count : int
        Number of losses.
    inputs : Tensor (example, *site)
        The training set; its precision and device are used.

    Attributes
    ----------
    derivatives : Tensor (example, loss, pixel)
        Sums so far.
    """

    def __init__(self, network: MLP, objective: Objective, count: int, inputs: Float[Tensor, " example *site"]) -> None:
        self.network, self.objective, self.count = network, objective, count
        self.derivatives = inputs.new_zeros(len(inputs), count, inputs[0].numel())
        self.room = self.derivatives[:0]
        self.adjoints = {name: inputs.new_zeros(shape[0], count, *shape[1:]) for name, shape in network.shapes.items()}

    @staticmethod
    def most(network: MLP, device: torch.device, itemsize: int) -> int:
        """Return how many losses a block should have at most."""
        largest = max(unit * fan_in for unit, *rest in network.shapes.values() for fan_in in rest)
        return max(1, BLOCK_BYTES[device.type] // (itemsize * largest))

    @staticmethod
    def first_order(
        network: MLP,
        objective: Objective,
        parameters: Float[Tensor, " parameter"],
        inputs: Float[Tensor, " batch *site"],
        labels: Int[Tensor, " batch"],
    ) -> FirstOrder:
        """Return what all blocks need of an update."""
        outputs, tape = network.forward(parameters.unsqueeze(0), inputs.unsqueeze(0))
        layers = {name: layer[0] for name, layer in tape.layers.items()}
        deltas = [objective.gradient(outputs, labels.unsqueeze(0))[0]]
        slopes = [hidden[0].sign() for hidden in tape.hidden]
        for layer in reversed(range(1, network.depth)):
            deltas.insert(0, (layers[f"weight{layer}"].T @ deltas[0]).mul_(slopes[layer - 1]))
        return FirstOrder(
            layers=layers,
            inputs=[activation[0] for activation in tape.inputs],
            slopes=[slope.unsqueeze(1) for slope in slopes],
            deltas=deltas,
            outputs=outputs,
            labels=labels.unsqueeze(0),
        )

    def join(self, index: int, gradient: Float[Tensor, " parameter"]) -> None:
        """Let a loss begin with its derivative with respect to the parameters."""
        for name, part in self.network.views(gradient).items():
            self.adjoints[name][:, index] = part

    def step_back(self, update: FirstOrder, examples: Int[Tensor, " batch"], scale: float) -> None:
        """Take all losses from after an update to before it.

        `scale` is minus the update's learning rate, over its number of examples. Forward and backward pass are
        the directional derivatives, along the adjoints, of those of the network.
        """
        tangents, adjoint = self._tangents(update)
        for layer in reversed(range(self.network.depth)):
            weight, bias = self.adjoints[f"weight{layer}"], self.adjoints[f"bias{layer}"]
            if layer:
                below = self._below(update, layer, adjoint)
            else:
                self._add_derivatives(update, adjoint, examples, scale)
            rows = adjoint.flatten(0, 1)
            weight.flatten(0, 1).addmm_(rows, update.inputs[layer].T, alpha=scale)
            bias.add_(adjoint.sum(dim=2), alpha=scale)
            if layer:
                columns = tangents[layer - 1].transpose(0, 1).flatten(0, 1)  # (loss unit, example), a copy
                weight.flatten(1).addmm_(update.deltas[layer], columns.T, alpha=scale)
                adjoint = below

    def _tangents(self, update: FirstOrder) -> tuple[list[Tensor], Tensor]:
        """Return the hidden units' derivatives along the adjoints, and that of the outputs' deltas."""
        tangents: list[Tensor] = []
        for layer in range(self.network.depth):
            weight, bias = self.adjoints[f"weight{layer}"], self.adjoints[f"bias{layer}"]
            tangent = (weight.flatten(0, 1) @ update.inputs[layer]).view(len(weight), self.count, -1)
            tangent += bias.unsqueeze(2)
            if layer:
                tangent.flatten(1).addmm_(update.layers[f"weight{layer}"], tangents[-1].flatten(1))
            if layer + 1 < self.network.depth:
                tangents.append(tangent.mul_(update.slopes[layer]))
        by_loss = tangent.transpose(0, 1)
        adjoint = self.objective.hessian_product(update.outputs, update.labels, by_loss)
        return tangents, adjoint.transpose(0, 1).contiguous()

    def _below(self, update: FirstOrder, layer: int, adjoint: Tensor) -> Tensor:
        """Return the derivative of the deltas below a layer, (unit, loss, example)."""
        by_deltas = self.adjoints[f"weight{layer}"].flatten(1).T @ update.deltas[layer]
        below = (update.layers[f"weight{layer}"].T @ adjoint.flatten(1)).view(-1, self.count, adjoint.shape[2])
        below += by_deltas.view(self.count, len(below), -1).transpose(0, 1)
        return below.mul_(update.slopes[layer - 1])

    def _add_derivatives(self, update: FirstOrder, adjoint: Tensor, examples: Tensor, scale: float) -> None:
        # Kept from update to update: in some processes the operating system would hand out so large an array anew at
        # every update, page by page, which takes as long as the products.
        if len(self.room) != len(examples):
            self.room = self.derivatives.new_empty(len(examples), *self.derivatives.shape[1:])
        torch.mm(update.deltas[0].T, self.adjoints["weight0"].flatten(1), out=self.room.flatten(1))
        by_example = adjoint.permute(2, 1, 0).flatten(0, 1)  # (example loss, unit), a copy
        self.room.flatten(0, 1).addmm_(by_example, update.layers["weight0"])
        self.derivatives.index_add_(0, examples, self.room, alpha=scale)


class AutogradAdjoints:
    """The same for any network, by double backward, loss by loss: slow, and a check of the other."""

    def __init__(
        self, network: Network, objective: Objective, count: int, inputs: Float[Tensor, " example *site"]
    ) -> None:
        self.count = count
        self.derivatives = inputs.new_zeros(len(inputs), count, inputs[0].numel())
        self.adjoints = inputs.new_zeros(count, network.size)

    @staticmethod
    def most(network: Network, device: torch.device, itemsize: int) -> int:
        """See `MLPAdjoints.most`: nothing is gained by blocks."""
        return 2**31

    @staticmethod
    def first_order(
        network: Network,
        objective: Objective,
        parameters: Float[Tensor, " parameter"],
        inputs: Float[Tensor, " batch *site"],
        labels: Int[Tensor, " batch"],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the leaves and the attached gradient of the summed loss."""
        with torch.enable_grad():
            inputs = inputs.detach().requires_grad_()
            parameters = parameters.detach().requires_grad_()
            outputs = network.differentiable_outputs(parameters.unsqueeze(0), inputs.unsqueeze(0))
            loss = objective.losses(outputs, labels.unsqueeze(0)).sum()
            (gradient,) = torch.autograd.grad(loss, parameters, create_graph=True)
        return parameters, inputs, gradient

    def join(self, index: int, gradient: Float[Tensor, " parameter"]) -> None:
        """See `MLPAdjoints.join`."""
        self.adjoints[index] = gradient

    def step_back(self, update: tuple[Tensor, Tensor, Tensor], examples: Int[Tensor, " batch"], scale: float) -> None:
        """See `MLPAdjoints.step_back`."""
        parameters, inputs, gradient = update
        for index, adjoint in enumerate(self.adjoints):
            by_parameters, by_inputs = torch.autograd.grad(gradient, (parameters, inputs), adjoint, retain_graph=True)
            self.derivatives[:, index].index_add_(0, examples, by_inputs.flatten(1), alpha=scale)
            adjoint.add_(by_parameters, alpha=scale)
