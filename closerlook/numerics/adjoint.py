"""Derivatives of later training losses with respect to every training input, through all updates in between.

Training by SGD is the recursion θ_{t+1} = θ_t - η_t ∇ℓ_t(θ_t), with ℓ_t the mean loss of the minibatch of update t. For
a loss L at θ_T let λ_T = ∇L(θ_T). Backwards through the updates

    dL/dx -= η_t ∂/∂x [∇ℓ_t(θ_t) · λ_{t+1}]     for the inputs x of minibatch t
    λ_t = λ_{t+1} - η_t ∇²ℓ_t(θ_t) λ_{t+1}

Both lines are derivatives of one directional derivative of ℓ_t, so one second-order pass gives them, for many losses
together (`closerlook.numerics.second_order`). Memory does not grow with the number of updates, as it does in a graph
unrolled through them (`closerlook.numerics.unrolled`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from closerlook.nets.mlp.run import MLP
from closerlook.nets.network import Network
from closerlook.numerics.requirements import require_problem
from closerlook.numerics.second_order import AutogradAdjoints, MLPAdjoints
from closerlook.objectives.objective import Objective


@dataclass(frozen=True)
class LaterLoss:
    """The mean loss over some training examples (numbers from 0) at the state after `step` updates.

    With `direct` the inputs of these examples count as inputs of the loss itself, too, and not only of the updates
    before it.
    """

    step: int
    examples: Int[Tensor, " batch"]
    direct: bool = False


@runtime_checkable
class Updates(Protocol):
    """What the recursion needs of a training run, as `closerlook.training.replay.Trajectory` offers it.

    For every update, `batches` has the numbers (from 0) of the training examples it saw, and `rates` its learning rate.
    """

    batches: Sequence[Int[Tensor, " _"]]
    rates: Sequence[float]

    def backwards(self, stop: int) -> Iterator[tuple[int, Float[Tensor, " parameter"]]]:
        """Yield (t, parameters after t updates) for t from `stop` down to 0."""


@torch.no_grad()
def input_derivatives(
    updates: Updates,
    losses: Sequence[LaterLoss],
    network: Network,
    objective: Objective,
    inputs: Float[Tensor, " example *site"],
    labels: Int[Tensor, " example"],
) -> list[tuple[list[int], Float[Tensor, "example _ pixel"]]]:
    """Return the derivative of each loss with respect to each training input, through all updates before it.

    Parameters
    ----------
    updates
        The training run.
    losses : sequence of LaterLoss
        They go back together, each from its own step on.
    network, objective
        What was trained, and what it was trained to minimise; the losses are losses of that objective. A multi-layer
        perceptron goes by hand-written passes, any other network by double backward, loss by loss.
    inputs, labels : Tensor
        The training set. The precision of `inputs` is that of the recursion. The first derivatives that it starts from
        are always float64: of an example that fits almost perfectly float32 would keep no digit.

    Returns
    -------
    list of (list of int, Tensor (example, block, pixel))
        Blocks: which of the losses they hold, and their derivatives; inputs are flattened. Units: loss per unit of
        input.

    Raises
    ------
    ValueError
        If a loss or an update is of no example, a label is none of the classes, or the network cannot be asked.
    """
    _require_examples(updates, losses)
    kind = MLPAdjoints if isinstance(network, MLP) else AutogradAdjoints
    plan = _blocks([loss.step for loss in losses], kind.most(network, inputs.device, inputs.itemsize))
    blocks = [kind(network, objective, len(positions), inputs) for positions in plan]
    begins = [losses[positions[0]].step for positions in plan]
    starting: dict[int, list] = {}
    for block, positions in zip(blocks, plan, strict=True):
        for index, position in enumerate(positions):
            starting.setdefault(losses[position].step, []).append((losses[position], block, index))
    for step, parameters in updates.backwards(begins[0]):
        if step == begins[0]:
            require_problem(network, parameters.to(inputs)[None], inputs[None], labels[None])
        under_way = [block for block, begin in zip(blocks, begins, strict=True) if step < begin]
        if under_way:
            batch = updates.batches[step]
            update = kind.first_order(network, objective, parameters.to(inputs), inputs[batch], labels[batch])
            for block in under_way:
                block.step_back(update, batch, -updates.rates[step] / len(batch))
        for loss, block, index in starting.get(step, ()):
            terms = (network, objective, parameters, inputs[loss.examples], labels[loss.examples])
            block.join(index, _parameter_gradient(*terms).to(inputs))
            if loss.direct:
                block.derivatives[:, index].index_add_(0, loss.examples, _input_gradient(*terms).to(inputs))
    return [(positions, block.derivatives) for positions, block in zip(plan, blocks, strict=True)]


def sensitivities(
    updates: Updates,
    losses: Sequence[LaterLoss],
    network: Network,
    objective: Objective,
    inputs: Float[Tensor, " example *site"],
    labels: Int[Tensor, " example"],
    *,
    at_once: int = 250,
) -> Float[Tensor, "loss example"]:
    """Return the L1 norm, averaged over pixels, of each loss's derivative with respect to each training input.

    `at_once` losses go back together, the latest first, which bounds memory: they keep examples x pixels numbers each.
    The rest is as in `input_derivatives`.
    """
    order = _latest_first([loss.step for loss in losses])
    found = inputs.new_empty(len(losses), len(inputs))
    for start in range(0, len(losses), at_once):
        some = order[start : start + at_once]
        setting = (network, objective, inputs, labels)
        for positions, block in input_derivatives(updates, [losses[position] for position in some], *setting):
            found[[some[position] for position in positions]] = block.abs_().mean(dim=2).T
    return found


def _require_examples(updates: Updates, losses: Sequence[LaterLoss]) -> None:
    for loss in losses:
        if not len(loss.examples):
            raise ValueError(f"the loss after {loss.step} updates is of no example")
    for step in range(max((loss.step for loss in losses), default=0)):
        if not len(updates.batches[step]):
            raise ValueError(f"update {step} saw no example")


IDLE = 0.25
"""Of its way, the share that a loss may spend in a block that is under way before it joins: zeros cost like numbers."""


def _blocks(steps: Sequence[int], most: int) -> list[list[int]]:
    """Return the positions of the losses in blocks, the latest first, of at most `most` and of similar steps.

    Losses of similar steps are shared out evenly: a block of a few left over would cost almost as much as a full one.
    """
    similar: list[list[int]] = []
    for position in _latest_first(steps):
        if similar and steps[position] >= (1 - IDLE) * steps[similar[-1][0]]:
            similar[-1].append(position)
        else:
            similar.append([position])
    blocks = []
    for group in similar:
        size = ceil(len(group) / ceil(len(group) / most))
        blocks += [group[start : start + size] for start in range(0, len(group), size)]
    return blocks


def _latest_first(steps: Sequence[int]) -> list[int]:
    return sorted(range(len(steps)), key=lambda position: -steps[position])


def _parameter_gradient(
    network: Network, objective: Objective, parameters: Tensor, inputs: Tensor, labels: Tensor
) -> Tensor:
    """Return the derivative of the mean loss with respect to the parameters, (parameter,), computed in float64."""
    outputs, tape = network.forward(parameters.double().unsqueeze(0), inputs.double().unsqueeze(0))
    delta = objective.gradient(outputs, labels.unsqueeze(0)).div_(len(inputs))
    gradient = torch.zeros(1, network.size, dtype=torch.float64, device=inputs.device)
    network.backward(tape, delta, network.views(gradient))
    return gradient[0]


def _input_gradient(
    network: Network, objective: Objective, parameters: Tensor, inputs: Tensor, labels: Tensor
) -> Tensor:
    """Return the derivative of the mean loss with respect to the inputs, (batch, pixel), computed in float64."""
    outputs, tape = network.forward(parameters.double().unsqueeze(0), inputs.double().unsqueeze(0))
    delta = objective.gradient(outputs, labels.unsqueeze(0)).div_(len(inputs))
    return network.input_gradient(tape, delta)[0].flatten(1)
