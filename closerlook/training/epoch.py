"""An epoch of a stack: its batches, and a step on each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from closerlook.regularizers import REGULARIZERS, Regularizer, options_of
from closerlook.regularizers.perturbations import Perturbations
from closerlook.regularizers.setting import Batch, Setting
from closerlook.runtime.streams import generator
from closerlook.training.stack import Stack


class Epoch:
    """One pass of a stack over its data.

    To make one is to begin it: from then on the learning rates are those of this epoch.

    Parameters
    ----------
    stack : Stack
        The networks.
    number : int
        0-based.

    Attributes
    ----------
    order : Tensor (member, position)
        Each member's training examples, as numbers from 0, in the order in which they are trained on.
    rows, labels : Tensor (member, position)
        Their rows in the pool, and their labels.
    batches : list of slice
        The positions of each step.
    """

    def __init__(self, stack: Stack, number: int) -> None:
        self.stack = stack
        factor = stack.spec.learning_rate_schedule.factor(number)
        stack.updates.begin_epoch(stack.members, factor, stack.factor)
        stack.factor = factor
        size = stack.spec.batch_size_in(number)
        self.order = _orders(stack, number, size)
        self.rows = stack.problem.rows.gather(1, self.order)
        self.labels = stack.problem.labels.gather(1, self.order)
        count = self.order.shape[1]
        self.batches = [slice(start, min(start + size, count)) for start in range(0, count, size)]
        self.perturbations = Perturbations(stack.members, stack.network, number, stack.device)
        acting = list(_acting(stack, number))
        self.changes = [thing.changes(setting) for thing, setting in acting if thing.changes]
        self.additions = [thing.adds(setting) for thing, setting in acting if thing.adds]

    def step(self, positions: slice) -> None:
        """Take one step on the examples at some positions of the order."""
        stack = self.stack
        # The derivative of the mean loss, already times the optimiser's scale: backpropagation is linear in it.
        batch = Batch(
            inputs=stack.problem.inputs(self.rows[:, positions]),
            targets=self.labels[:, positions],
            weight=(stack.updates.scale / (positions.stop - positions.start)).unsqueeze(1),
        )
        for change in self.changes:
            batch = change(stack.parameters, batch)
        perturbation = self.perturbations.next(batch.inputs.shape[1])
        parameters = stack.trained()

        def gradient(into: Mapping[str, Tensor], keep: float) -> None:
            outputs, tape = stack.network.forward(stack.parameters, batch.inputs, perturbation, training=True)
            slopes = stack.objective.gradient(outputs, batch.targets).mul_(batch.weight.unsqueeze(1))
            stack.network.backward(tape, slopes, into, keep=keep)
            for add in self.additions:
                add(parameters, into)
            stack.network.update_statistics(stack.parameters, tape)

        stack.updates.step(parameters, gradient)


def _orders(stack: Stack, number: int, size: int) -> Tensor:
    """Return the order of each member's examples; members of one seed share it, and it is drawn once."""
    count, orders = stack.spec.examples, {}
    for seed in {member.seed for member in stack.members}:
        random = generator("order", seed, number)
        if stack.spec.with_replacement:
            orders[seed] = torch.randint(count, (-(-count // size) * size,), generator=random)
        else:
            orders[seed] = torch.randperm(count, generator=random)
    return torch.stack([orders[member.seed] for member in stack.members]).to(stack.device)


def _acting(stack: Stack, number: int) -> Iterator[tuple[Regularizer, Setting]]:
    """Yield the regularisers that the stack's members use, in the order of their names, and what each acts on."""
    for name in sorted(stack.members[0].regularizers):
        yield (
            REGULARIZERS[name],
            Setting(
                name=name,
                options=options_of(stack.spec, name),
                members=tuple(stack.members),
                network=stack.network,
                objective=stack.objective,
                pixel=stack.problem.pixel,
                epoch=number,
                scale=stack.updates.scale,
            ),
        )
