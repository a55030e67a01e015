"""What every architecture offers: a pure function of stacked parameters, with derivatives.

Parameters of all members lie in one tensor of shape (member, parameter); `views` gives them their names and shapes.
Outputs are (member, class, batch), classes before examples, as `torch.nn.functional.cross_entropy` has them.
A network defines `shapes`, `sites` and `forward`; it may replace `backward` and `hessian_operator`, which go by
autograd here, with hand-written ones (`closerlook.nets.mlp` does; tests hold them against these).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor


@runtime_checkable
class Objective(Protocol):
    """What is minimised, as a function of a network's outputs, example by example."""

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each example, shape (member, batch)."""

    def gradient(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the derivative of each example's loss with respect to its outputs, shape of `outputs`."""

    def hessian_product(self, outputs: Tensor, targets: Tensor, directions: Tensor) -> Tensor:
        """Return each example's second derivative with respect to its outputs, applied to `directions`."""


@dataclass
class Perturbation:
    """What regularisers do: site ``i`` becomes ``activation * scale[i] + shift[i]``; None changes nothing."""

    scale: list[Tensor | None]
    shift: list[Tensor | None]

    def apply(self, site: int, activation: Tensor) -> Tensor:
        """Return the perturbed activation of a site (0 is the input)."""
        if self.scale[site] is not None:
            activation = activation * self.scale[site]
        if self.shift[site] is not None:
            activation = activation + self.shift[site]
        return activation


class Network(ABC):
    """A family of networks of one shape.

    Attributes
    ----------
    shapes : dict of str to tuple of int
        Name and shape of every parameter of one member, in the order in which they lie in the flat tensor.
    """

    shapes: dict[str, tuple[int, ...]]

    @abstractmethod
    def sites(self, batch: int) -> list[tuple[int, ...]]:
        """Return the shapes, without the member, of what regularisers may perturb; the input's first."""

    @property
    def size(self) -> int:
        """Number of parameters of one member."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def views(self, parameters: Float[Tensor, "*lead parameter"]) -> dict[str, Tensor]:
        """Return views of a flat tensor under the parameters' names, each of shape (*lead, *its own)."""
        pieces = parameters.split([math.prod(shape) for shape in self.shapes.values()], dim=-1)
        lead = parameters.shape[:-1]
        return {
            name: piece.view(*lead, *shape) for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)
        }

    def initialise(self, seeds: Sequence[int]) -> Float[Tensor, "member parameter"]:
        """Return fresh parameters on the CPU, each member's from its own generator.

        Weights are Glorot-uniform and biases zero, as in the helper library of the papers' authors; a net whose
        parameters are not weights and biases overrides `_fill`.
        """
        parameters = torch.zeros(len(seeds), self.size)
        for row, seed in zip(parameters, seeds, strict=True):
            generator = torch.Generator().manual_seed(seed)
            for name, view in self.views(row).items():
                self._fill(name, view, generator)
        return parameters

    def _fill(self, name: str, view: Tensor, generator: torch.Generator) -> None:
        if view.dim() < 2:
            return
        # (out, in) for a matrix; (out, in, row, column) for a filter bank, whose fans count the filter's pixels.
        fans = view.shape[0] + view.shape[1]
        receptive = math.prod(view.shape[2:])
        bound = math.sqrt(6.0 / (fans * receptive))
        view.uniform_(-bound, bound, generator=generator)

    @abstractmethod
    def forward(
        self,
        parameters: Float[Tensor, "member parameter"],
        inputs: Float[Tensor, "member batch *site"],
        perturbation: Perturbation | None = None,
    ) -> tuple[Float[Tensor, "member class batch"], object]:
        """Return the outputs and a tape that `backward` understands."""

    def backward(
        self,
        tape: object,
        output_gradient: Float[Tensor, "member class batch"],
        into: dict[str, Tensor],
        keep: float = 0.0,
    ) -> None:
        """Set ``into = keep * into + gradient`` of ``sum(outputs * output_gradient)`` with respect to the parameters.

        `into` holds a tensor (member, *shape) for each parameter. With the velocity there and the momentum as `keep`,
        the gradient never takes a memory pass of its own; contiguous tensors are fastest.
        """
        parameters, _, outputs = tape
        (gradient,) = torch.autograd.grad(outputs, parameters, output_gradient)
        for name, part in self.views(gradient).items():
            into[name].mul_(keep).add_(part)

    def input_gradient(
        self, tape: object, output_gradient: Float[Tensor, "member class batch"]
    ) -> Float[Tensor, "member batch *site"]:
        """Return the derivative of ``sum(outputs * output_gradient)`` with respect to the inputs."""
        _, inputs, outputs = tape
        (gradient,) = torch.autograd.grad(outputs, inputs, output_gradient)
        return gradient

    def differentiable_outputs(
        self, parameters: Float[Tensor, "member parameter"], inputs: Float[Tensor, "member batch *site"]
    ) -> Float[Tensor, "member class batch"]:
        """Return the unperturbed outputs, attached to the autograd graph of `parameters`."""
        return self.forward(parameters, inputs)[0]

    def hessian_operator(
        self,
        parameters: Float[Tensor, "member parameter"],
        inputs: Float[Tensor, "member batch *site"],
        targets: Int[Tensor, "member batch"],
        objective: Objective,
    ) -> Callable[[Float[Tensor, "member vector parameter"]], Float[Tensor, "member vector parameter"]]:
        """Return the product with each member's Hessian of the mean loss over the batch, by double backward."""
        with torch.enable_grad():
            parameters = parameters.detach().requires_grad_()
            outputs = self.differentiable_outputs(parameters, inputs)
            # Members are independent, so the gradient of the sum holds each member's own gradient in its row.
            loss = objective.losses(outputs, targets).mean(dim=1).sum()
            (gradient,) = torch.autograd.grad(loss, parameters, create_graph=True)

        def product(vectors: Tensor) -> Tensor:
            columns = [
                torch.autograd.grad(gradient, parameters, column, retain_graph=True)[0]
                for column in vectors.unbind(dim=1)
            ]
            return torch.stack(columns, dim=1)

        return product


class AutogradNetwork(Network):
    """A network whose derivatives come from autograd: write `shapes`, `sites` and `outputs`, nothing else."""

    @abstractmethod
    def outputs(
        self, parameters: dict[str, Tensor], inputs: Tensor, perturbation: Perturbation | None
    ) -> Float[Tensor, "member class batch"]:
        """Return the outputs from named stacked parameters."""

    def differentiable_outputs(self, parameters, inputs):
        """See `Network.differentiable_outputs`."""
        return self.outputs(self.views(parameters), inputs, None)

    def forward(self, parameters, inputs, perturbation=None):
        """See `Network.forward`; the tape is the graph from parameters and inputs to outputs."""
        with torch.enable_grad():
            parameters = parameters.detach().requires_grad_()
            inputs = inputs.detach().requires_grad_()
            outputs = self.outputs(self.views(parameters), inputs, perturbation)
        return outputs.detach(), (parameters, inputs, outputs)
