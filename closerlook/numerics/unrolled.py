"""Derivatives through training by the graph of all its updates: short runs, any network; the oracle of `adjoint`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from closerlook.nets.network import Network
from closerlook.numerics.adjoint import LaterLoss
from closerlook.objectives.objective import Objective


def unrolled_derivatives(
    start: Float[Tensor, " parameter"],
    batches: Sequence[Int[Tensor, " _"]],
    rates: Sequence[float],
    losses: Sequence[LaterLoss],
    network: Network,
    objective: Objective,
    inputs: Float[Tensor, " example *site"],
    labels: Int[Tensor, " example"],
) -> Float[Tensor, "loss example pixel"]:
    """Train by plain SGD within autograd's graph, and return each loss's derivative with respect to each input.

    Parameters
    ----------
    start : Tensor (parameter,)
        Initial parameters; their precision and that of `inputs` is used throughout.
    batches, rates
        Training examples (numbers from 0) and learning rate of every update.
    losses : sequence of LaterLoss
        At most so many updates after the start as there are `batches`.
    network, objective, inputs, labels
        See `closerlook.numerics.adjoint.input_derivatives`.

    Returns
    -------
    Tensor (loss, example, pixel)
        Memory is linear in the number of updates (about 110 kB each for 196-32-32-10 and 32 examples in float32).
    """
    last = max(loss.step for loss in losses)
    with torch.enable_grad():
        leaf = inputs.detach().clone().requires_grad_()
        states = [start.detach().clone().requires_grad_()]
        for batch, rate in zip(batches[:last], rates[:last], strict=True):
            loss = _mean_loss(network, objective, states[-1], leaf[batch], labels[batch])
            (gradient,) = torch.autograd.grad(loss, states[-1], create_graph=True)
            states.append(states[-1] - rate * gradient)
        found = []
        for later in losses:
            seen = leaf if later.direct else leaf.detach()
            value = _mean_loss(network, objective, states[later.step], seen[later.examples], labels[later.examples])
            gradient = torch.autograd.grad(value, leaf, retain_graph=True, allow_unused=True)[0]
            found.append(torch.zeros_like(leaf) if gradient is None else gradient)
    return torch.stack(found).flatten(2)


def _mean_loss(network: Network, objective: Objective, parameters: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
    outputs = network.differentiable_outputs(parameters.unsqueeze(0), inputs.unsqueeze(0))
    return objective.losses(outputs, labels.unsqueeze(0)).mean()
