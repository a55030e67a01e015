"""What every architecture offers: a pure function of stacked parameters, with derivatives.

Parameters of all members lie in one tensor of shape (member, parameter); `views` gives them their names and shapes.
Outputs are (member, class, batch), classes before examples, as `torch.nn.functional.cross_entropy` has them.
A network of the room has the class attribute `architecture`, from whose layers names, shapes and sites follow; any
other defines `shapes` and `sites` itself. It defines `forward`, and may replace `backward` and `hessian_operator`,
which go by autograd here, with hand-written ones (`closerlook.nets.mlp.run` does; tests hold them against these).

What batch normalisation remembers of past batches are `statistics`: entries of the parameters that stacks, checkpoints
and resume files carry like all others, but that no gradient moves. `forward` tells training, where the batch's own
statistics count, from evaluation, which everything else is: measures, adversarial searches, curvature.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from closerlook.nets.architecture import Architecture, Structure
from closerlook.objectives.objective import Objective

GRAPH_BYTES = {"cpu": 2**28, "cuda": 2**31}
"""Size of the tape of all members up to which the Hessian's graph is kept; beyond it examples go in chunks, each with a
graph of its own for every product (a third more work)."""


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

    def of(self, member: int) -> Perturbation:
        """Return the perturbation of one member of the stack, without the member's axis."""
        parts = ([None if part is None else part[member] for part in parts] for parts in (self.scale, self.shift))
        return Perturbation(*parts)


class Network(ABC):
    """A family of networks of one shape.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one example.
    widths : tuple of int
        Sizes of the hidden layers.
    classes : int
        Number of outputs.
    options : object, optional
        Options of the architecture; None: its defaults.

    Attributes
    ----------
    architecture : Architecture
        What declares the layers.
    shapes : dict of str to tuple of int
        Name and shape of every parameter of one member, in the order in which they lie in the flat tensor.
    statistics, ones : tuple of str
        Names of those that are not trained but updated by `update_statistics`, and of those that are 1 in a fresh
        network; none unless a network says so.

    Raises
    ------
    ValueError
        If there is no such network.
    """

    architecture: Architecture
    shapes: dict[str, tuple[int, ...]]
    statistics: tuple[str, ...] = ()
    ones: tuple[str, ...] = ()
    structure: Structure | None = None

    def __init__(
        self, input_shape: tuple[int, ...], widths: tuple[int, ...], classes: int, options: Any | None = None
    ) -> None:
        self.structure = self.architecture.structure(input_shape, widths, classes, options)
        self.options = self.architecture.options() if options is None else options
        self.input_shape, self.widths = self.structure.input_shape, self.structure.widths
        self.shapes = self.structure.shapes
        self.statistics, self.ones = self.structure.statistics, self.structure.ones

    def sites(self, batch: int) -> list[tuple[int, ...]]:
        """Return the shapes, without the member, of what regularisers may perturb; the input's first."""
        return [(batch, *site) for site in self.structure.site_shapes]

    def tape_size(self, batch: int) -> int:
        """Return how many numbers, about, a training step of one member keeps for its backward pass."""
        if self.structure:
            return batch * self.structure.tape
        return sum(math.prod(site) for site in self.sites(batch))

    @property
    def size(self) -> int:
        """Number of parameters of one member, statistics included."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def trained(self) -> tuple[str, ...]:
        """Names of the parameters that training moves along the gradient: all but the statistics."""
        return tuple(name for name in self.shapes if name not in self.statistics)

    def views(self, parameters: Float[Tensor, "*lead parameter"]) -> dict[str, Tensor]:
        """Return views of a flat tensor under the parameters' names, each of shape (*lead, *its own)."""
        pieces = parameters.split([math.prod(shape) for shape in self.shapes.values()], dim=-1)
        lead = parameters.shape[:-1]
        return {
            name: piece.view(*lead, *shape) for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)
        }

    def initialise(self, seeds: Sequence[int]) -> Float[Tensor, "member parameter"]:
        """Return fresh parameters on the CPU, each member's from its own generator.

        Weights, all that have two axes or more, are Glorot-uniform, as in the helper library of the papers' authors;
        those named in `ones` are 1, and all others, such as biases, 0.
        """
        parameters = torch.zeros(len(seeds), self.size)
        for row, seed in zip(parameters, seeds, strict=True):
            generator = torch.Generator().manual_seed(seed)
            for name, view in self.views(row).items():
                self._fill(name, view, generator)
        return parameters

    def _fill(self, name: str, view: Tensor, generator: torch.Generator) -> None:
        if name in self.ones:
            view.fill_(1.0)
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
        training: bool = False,
    ) -> tuple[Float[Tensor, "member class batch"], object]:
        """Return the outputs and a tape that `backward` and `update_statistics` understand.

        `training` matters to networks with `statistics` only. The parameters are not changed either way.
        """

    def backward(
        self,
        tape: object,
        output_gradient: Float[Tensor, "member class batch"],
        into: dict[str, Tensor],
        keep: float = 0.0,
    ) -> None:
        """Set ``into = keep * into + gradient`` of ``sum(outputs * output_gradient)`` with respect to the parameters.

        `into` holds a tensor (member, *shape) for each parameter that is `trained`; others are left alone. With the
        velocity there and the momentum as `keep`, the gradient never takes a memory pass of its own; contiguous tensors
        are fastest.
        """
        (gradient,) = torch.autograd.grad(tape.outputs, tape.parameters, output_gradient)
        parts = self.views(gradient)
        for name in self.trained:
            into[name].mul_(keep).add_(parts[name])

    def update_statistics(self, parameters: Float[Tensor, "member parameter"], tape: object) -> None:
        """Take over the statistics, which a training pass left moved in its tape, into `parameters`."""
        if self.statistics:
            views = self.views(parameters)
            for name in self.statistics:
                views[name].copy_(tape.statistics[name])

    def input_gradient(
        self, tape: object, output_gradient: Float[Tensor, "member class batch"]
    ) -> Float[Tensor, "member batch *site"]:
        """Return the derivative of ``sum(outputs * output_gradient)`` with respect to the inputs."""
        (gradient,) = torch.autograd.grad(tape.outputs, tape.inputs, output_gradient)
        return gradient

    def differentiable_outputs(
        self, parameters: Float[Tensor, "member parameter"], inputs: Float[Tensor, "member batch *site"]
    ) -> Float[Tensor, "member class batch"]:
        """Return the unperturbed outputs in evaluation, attached to the autograd graph of `parameters`.

        No gradient may reach the statistics: they are constants to every derivative.
        """
        return self.forward(parameters, inputs)[0]

    def hessian_operator(
        self,
        parameters: Float[Tensor, "member parameter"],
        inputs: Float[Tensor, "member batch *site"],
        targets: Int[Tensor, "member batch"],
        objective: Objective,
    ) -> Callable[[Float[Tensor, "member vector parameter"]], Float[Tensor, "member vector parameter"]]:
        """Return the product with each member's Hessian of the mean loss over the batch, by double backward.

        It is that of the trained parameters: at statistics, products are zero and vectors do not matter. Memory is
        bounded whatever the batch; chunks of examples add, so unequal ones are exact.
        """
        count = inputs.shape[1]
        example_bytes = len(parameters) * parameters.element_size() * self.tape_size(1)
        size = max(1, GRAPH_BYTES[parameters.device.type] // example_bytes)
        chunks = list(zip(inputs.split(size, dim=1), targets.split(size, dim=1), strict=True))

        def graph(chunk: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            return self._gradient_graph(parameters, *chunk, objective)

        kept = [graph(chunks[0])] if len(chunks) == 1 else None

        def product(vectors: Tensor) -> Tensor:
            products = torch.zeros_like(vectors, memory_format=torch.contiguous_format)
            for leaf, gradient in kept or map(graph, chunks):
                for vector, into in zip(vectors.unbind(1), products.unbind(1), strict=True):
                    into.add_(torch.autograd.grad(gradient, leaf, vector, retain_graph=True)[0])
            return products.div_(count)

        return product

    def _gradient_graph(
        self, parameters: Tensor, inputs: Tensor, targets: Tensor, objective: Objective
    ) -> tuple[Tensor, Tensor]:
        """Return a leaf with the parameters' values, and the gradient of the summed loss in terms of it."""
        with torch.enable_grad():
            leaf = parameters.detach().requires_grad_()
            # Members are independent, so the gradient of the sum holds each member's own gradient in its row.
            loss = objective.losses(self.differentiable_outputs(leaf, inputs), targets).sum()
            return leaf, torch.autograd.grad(loss, leaf, create_graph=True)[0]


@dataclass
class GraphTape:
    """A forward pass as autograd remembers it: leaves, outputs, and the statistics as the batch has moved them."""

    parameters: Tensor
    inputs: Tensor
    outputs: Tensor
    statistics: dict[str, Tensor]


class AutogradNetwork(Network):
    """A network whose derivatives come from autograd: write `outputs`, nothing else."""

    @abstractmethod
    def outputs(
        self,
        parameters: dict[str, Tensor],
        inputs: Float[Tensor, "member batch *site"],
        perturbation: Perturbation | None,
        training: bool,
    ) -> Float[Tensor, "member class batch"]:
        """Return the outputs from named stacked parameters.

        In `training`, a network with `statistics` moves these in place: they are copies, taken over after the step.
        """

    def differentiable_outputs(self, parameters, inputs):
        """See `Network.differentiable_outputs`."""
        return self.outputs(self._named(parameters), inputs, None, False)

    def forward(self, parameters, inputs, perturbation=None, training=False):
        """See `Network.forward`; the tape is the graph from parameters and inputs to outputs."""
        with torch.enable_grad():
            parameters = parameters.detach().requires_grad_()
            inputs = inputs.detach().requires_grad_()
            named = self._named(parameters)
            outputs = self.outputs(named, inputs, perturbation, training)
        return outputs.detach(), GraphTape(parameters, inputs, outputs, {name: named[name] for name in self.statistics})

    def _named(self, parameters: Tensor) -> dict[str, Tensor]:
        """Return the parameters by name; statistics as copies, cut off from the graph."""
        views = self.views(parameters)
        return views | {name: views[name].detach().clone() for name in self.statistics}
