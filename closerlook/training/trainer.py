"""The ensemble trainer: the one loop that trains every network of every paper.

What is minimised (`Objective`), what the networks are (`Network`), the schedules and the regularisers come from
outside; the loop knows stacks, epochs, checkpoints and when a member is done.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from closerlook.nets.network import Network
from closerlook.objectives.objective import Objective
from closerlook.runtime.resume import Progress, Sidecar, to_numpy
from closerlook.spec import Ensemble
from closerlook.training.epoch import Epoch
from closerlook.training.evaluation import evaluate_training, evaluate_validation, mean_where
from closerlook.training.grouping import plan_stacks
from closerlook.training.limits import MOST_LOOKS
from closerlook.training.record import Record
from closerlook.training.stack import Problem, Stack

OVERSHOOT = 1.05
"""Between two looks at the training loss it should not fall by more than this factor when a loss checkpoint is near."""
DIVERGED_LOSS = 100.0
"""Nats an example: far above any guess. A network that exploded often ends there, finite, with its units dead."""
NEAR = 1.2
"""Within this factor above a target every epoch is looked at as often as allowed: the loss moves in jumps."""


@torch.no_grad()
def train_ensemble(
    spec: Ensemble,
    network: Network,
    objective: Objective,
    problem: Problem,
    progress: Callable[[int], None] = lambda epochs: None,
    sidecar: Sidecar | None = None,
) -> Record:
    """Train all members of an ensemble, stack by stack.

    Parameters
    ----------
    spec : Ensemble
        What to train.
    network, objective
        The architecture and what is minimised.
    problem : Problem
        The data on the device to train on.
    progress : callable
        Told how many member-epochs have been done or saved by stopping early.
    sidecar : Sidecar, optional
        Where progress is saved after epochs, and taken up from; the result is the same to the bit.

    Returns
    -------
    Record
        Histories, checkpoints and outcomes; a member whose loss exceeds `DIVERGED_LOSS` is recorded as diverged.
    """
    record = Record(spec, network)
    record.asked[:] = problem.labels[:, : spec.answers.asked].cpu().numpy()
    saved = sidecar.load() if sidecar else None
    stacks = plan_stacks(spec, network.size, network.tape_size(1), problem.pool.device.type)
    for index, numbers in enumerate(stacks):
        if saved and index < saved.stack:
            progress(len(numbers) * spec.epochs)
            continue
        run = _StackRun(Stack(spec, numbers, network, objective, problem), record, progress, index, sidecar)
        run.run(saved if saved and index == saved.stack else None)
    return record


class _StackRun:
    """One stack's way through the epochs."""

    def __init__(
        self, stack: Stack, record: Record, progress: Callable[[int], None], index: int, sidecar: Sidecar | None
    ) -> None:
        self.stack, self.record, self.progress = stack, record, progress
        self.index, self.sidecar = index, sidecar
        self.spec, self.wanted = stack.spec, stack.spec.checkpoints
        self.loss = np.full(len(self.spec.members), np.nan)  # each member's training loss at the last look
        self.fall = np.ones(len(self.spec.members))  # by what factor an epoch it fell of late

    def run(self, saved: Progress | None = None) -> None:
        """Train until every member is done, from the start or from where a killed job was."""
        if saved:
            self._restore(saved)
        elif self.wanted.losses or 0 in self.wanted.epochs:
            self._look(0.0, list(range(len(self.stack.numbers))))
        for epoch in range(saved.epoch if saved else 0, self.spec.epochs):
            self._pass_over_data(epoch)
            if self._due(epoch + 1):
                self._end_epoch(epoch + 1)
            elif pending := self._pending():
                self._look(epoch + 1, pending)
            self.progress(len(self.stack.numbers))
            if not self._drop_done(epoch + 1):
                return
            if self.sidecar:
                self.sidecar.offer(partial(self._saved, epoch + 1))

    def _saved(self, epoch: int) -> Progress:
        stack = self.stack
        return Progress(
            stack=self.index,
            epoch=epoch,
            factor=stack.factor,
            numbers=np.array(stack.numbers),
            parameters=stack.parameters.cpu().numpy(),
            optimizer=to_numpy(stack.updates.state),
            record=self.record.arrays() | {"loss": self.loss, "fall": self.fall},
        )

    def _restore(self, saved: Progress) -> None:
        for name, values in (self.record.arrays() | {"loss": self.loss, "fall": self.fall}).items():
            values[...] = saved.record[name]
        left, stack = saved.numbers.tolist(), self.stack
        self.progress((len(stack.numbers) - len(left)) * self.spec.epochs + len(left) * saved.epoch)
        stack.restore(left, saved.parameters, saved.optimizer, saved.factor)

    def _due(self, epoch: int) -> bool:
        regular = epoch % self.spec.evaluate_every == 0 or epoch == self.spec.epochs
        return regular or epoch in self.wanted.epochs

    def _pass_over_data(self, epoch: int) -> None:
        """Take the steps of one epoch; look at the loss within it where a loss checkpoint may be passed."""
        passed, answers = Epoch(self.stack, epoch), self.spec.answers
        steps = len(passed.batches)
        # Each member at its own pace: what is kept of it must not depend on how fast its neighbours' losses fall.
        looks = {i: min(steps, self._looks_of(i)) for i in self._pending()}
        for step, batch in enumerate(passed.batches, 1):
            passed.step(batch)
            if (done := epoch * steps + step) in answers.steps:
                self._answer(done, answers.examples)
            due = [i for i, count in looks.items() if step * count // steps > (step - 1) * count // steps]
            if due and step < steps:
                self._look(epoch + step / steps, due)

    def _answer(self, step: int, examples: int) -> None:
        """Record which of its first `examples` training examples each network classifies as labelled."""
        stack = self.stack
        seen = replace(stack.problem, rows=stack.problem.rows[:, :examples], labels=stack.problem.labels[:, :examples])
        _, correct = evaluate_training(stack.network, stack.objective, stack.parameters, seen)
        self.record.answer(step, stack.numbers, correct)

    def _pending(self) -> list[int]:
        """Return the positions of members that may pass a loss checkpoint before the next regular evaluation."""
        numbers = self.stack.numbers
        if not self.wanted.losses:
            return []
        targets = [[loss for loss in self.wanted.losses if not self.record.has(f"loss-{loss:g}", n)] for n in numbers]
        # Twice as fast as before, in logarithm, is as far as the loss is expected to fall.
        power = 2 * self.spec.evaluate_every
        reach = [self.loss[n] / max(self.fall[n], 1.0) ** power for n in numbers]
        fresh = [np.isnan(self.loss[n]) or self.record.epochs[n] == 0 for n in numbers]
        return [i for i in range(len(numbers)) if targets[i] and (fresh[i] or reach[i] <= max(targets[i]))]

    def _looks_of(self, position: int) -> int:
        number = self.stack.numbers[position]
        near = any(target < self.loss[number] < NEAR * target for target in self.wanted.losses)
        if near or self.record.epochs[number] == 0:  # in the first epoch nothing is known of how fast the loss falls
            return MOST_LOOKS
        return min(MOST_LOOKS, max(1, math.ceil(math.log(max(self.fall[number], 1.0)) / math.log(OVERSHOOT))))

    def _look(self, epoch: float, positions: list[int]) -> None:
        """Look at some members' training loss, within an epoch or before the first, and keep what passed a target."""
        stack = self.stack
        index = torch.tensor(positions, device=stack.device)
        parameters, problem = stack.parameters[index], stack.problem.select(index)
        losses, _ = evaluate_training(stack.network, stack.objective, parameters, problem)
        for position, loss in zip(positions, losses.mean(dim=1).tolist(), strict=True):
            number = stack.numbers[position]
            if epoch == 0:
                self.loss[number] = loss
                if 0 in self.wanted.epochs:
                    self.record.keep("epoch-0", number, 0.0, loss, stack.parameters[position])
            self._keep_losses(number, epoch, loss, stack.parameters[position])

    def _keep_losses(self, number: int, epoch: float, loss: float, parameters: Tensor) -> None:
        for target in self.wanted.losses:
            if loss <= target and not self.record.has(f"loss-{target:g}", number):
                self.record.keep(f"loss-{target:g}", number, epoch, loss, parameters)

    def _end_epoch(self, epoch: int) -> None:
        """Write the histories of an epoch and keep what it completed."""
        stack, record = self.stack, self.record
        losses, correct = evaluate_training(stack.network, stack.objective, stack.parameters, stack.problem)
        validation, right = evaluate_validation(stack.network, stack.objective, stack.parameters, stack.problem)
        noisy = stack.problem.is_noise
        values = {
            "train_loss": losses.mean(dim=1),
            "train_accuracy": correct.float().mean(dim=1),
            "train_accuracy_clean": mean_where(correct, ~noisy),
            "train_accuracy_noise": mean_where(correct, noisy),
            "validation_loss": validation.mean(dim=1),
            "validation_accuracy": right.float().mean(dim=1),
        }
        for name, value in values.items():
            record.histories[name][stack.numbers, epoch - 1] = value.cpu().numpy()
        fitted = correct.all(dim=1).tolist()
        for position, (number, loss) in enumerate(zip(stack.numbers, values["train_loss"].tolist(), strict=True)):
            parameters = stack.parameters[position]
            if loss > 0:
                self.fall[number] = (self.loss[number] / loss) ** (1 / (epoch - record.epochs[number]))
            record.epochs[number] = epoch
            self.loss[number] = loss
            record.diverged[number] = not loss < DIVERGED_LOSS  # NaN too
            if record.diverged[number]:
                continue
            if epoch in self.wanted.epochs:
                record.keep(f"epoch-{epoch}", number, epoch, loss, parameters)
            if fitted[position] and np.isnan(record.fit_epoch[number]):
                record.fit_epoch[number] = epoch
                if self.wanted.fit:
                    record.keep("fit", number, epoch, loss, parameters)
            self._keep_losses(number, epoch, loss, parameters)

    def _drop_done(self, epoch: int) -> bool:
        """Drop the members that are done from the stack; return whether any is left."""
        record, numbers = self.record, self.stack.numbers
        late = np.inf if self.spec.after_fit is None else self.spec.after_fit
        left = [i for i, n in enumerate(numbers) if not (record.diverged[n] or epoch >= record.fit_epoch[n] + late)]
        dropped = len(numbers) - len(left)
        if dropped:
            self.progress(dropped * (self.spec.epochs - epoch))
        if left and dropped:
            self.stack.keep(left)
        return bool(left)
