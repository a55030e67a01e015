"""Networks trained side by side as one program: the state of a stack and its update.

A stack is a group of an ensemble's members that use the same regularisers and momentum, small enough for its
parameters and velocities to stay in cache, and for what its backward pass needs to fit in memory. Every tensor has the
member first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from closerlook.nets.network import Network
from closerlook.objectives.objective import Objective
from closerlook.regularizers import lass_settings
from closerlook.regularizers.perturbations import LassPoints, Perturbations, active, attack
from closerlook.runtime.streams import generator, stream_seed
from closerlook.spec import Ensemble, Member

CACHE_BYTES = {"cpu": 4 * 2**20, "cuda": 4 * 2**30}
"""Parameters and velocities of a stack; on a CPU what fits a core's cache was fastest (`bench/README.md`)."""

TAPE_BYTES = {"cpu": 2**26, "cuda": 2**34}
"""What a stack's training step keeps for its backward pass: of a convolutional net far more than its parameters."""


@dataclass
class Problem:
    """An ensemble's data on its device (see `closerlook.data.loading.TrainingData` for the meaning of each part)."""

    pool: Tensor
    rows: Tensor
    labels: Tensor
    is_noise: Tensor
    validation_inputs: Tensor
    validation_labels: Tensor
    pixel: float

    def select(self, members: Tensor) -> Problem:
        """Return the problem of some members only; pool and validation set are shared, not copied."""
        return Problem(
            self.pool,
            self.rows[members],
            self.labels[members],
            self.is_noise[members],
            self.validation_inputs,
            self.validation_labels,
            self.pixel,
        )

    def inputs(self, rows: Tensor) -> Tensor:
        """Return the inputs in the pool's `rows`, shape (*rows, *input)."""
        return self.pool.index_select(0, rows.flatten()).view(*rows.shape, *self.pool.shape[1:])


def plan_stacks(spec: Ensemble, network: Network, device: torch.device) -> list[list[int]]:
    """Return the ensemble's member numbers, grouped into stacks."""
    groups: dict[tuple, list[int]] = {}
    for number, member in enumerate(spec.members):
        groups.setdefault((member.momentum, active(member)), []).append(number)
    fits_cache = CACHE_BYTES[device.type] // (2 * 4 * network.size)
    most = max(1, min(fits_cache, TAPE_BYTES[device.type] // (4 * network.tape_size(spec.largest_batch))))
    stacks = []
    for numbers in groups.values():
        count = -(-len(numbers) // most)
        size = -(-len(numbers) // count)
        stacks += [numbers[start : start + size] for start in range(0, len(numbers), size)]
    return stacks


class Stack:
    """Parameters, velocities and hyper-parameters of networks that are trained together.

    The velocity includes the learning rate (v ← μ v + η g, θ ← θ - v), so that the matrix products of the backward pass
    add the gradient to it without a memory pass of their own. For a constant η this is the usual momentum. It is kept
    parameter by parameter: a batched product into a part of a wider tensor is done network by network.
    """

    def __init__(self, spec: Ensemble, numbers: list[int], network: Network, objective: Objective, problem: Problem):
        self.spec, self.network, self.objective = spec, network, objective
        self.numbers = numbers
        self.members: list[Member] = [spec.members[number] for number in numbers]
        self.device = problem.pool.device
        seeds = [stream_seed("weights", member.seed) for member in self.members]
        self.parameters = network.initialise(seeds).to(self.device)
        self.velocity = {
            name: torch.zeros_like(view, memory_format=torch.contiguous_format)
            for name, view in self._views().items()
            if name in network.trained
        }
        self.problem = problem.select(torch.tensor(numbers, device=self.device))
        self.factor = 1.0

    def _views(self) -> dict[str, Tensor]:
        return self.network.views(self.parameters)

    def _factors(self, name: str) -> Tensor:
        return torch.tensor([member.strength(name) for member in self.members], device=self.device)

    def keep(self, positions: list[int]) -> None:
        """Drop all but the members at `positions`."""
        index = torch.tensor(positions, device=self.device)
        self.numbers = [self.numbers[position] for position in positions]
        self.members = [self.members[position] for position in positions]
        self.parameters = self.parameters[index]
        self.velocity = {name: velocity[index] for name, velocity in self.velocity.items()}
        self.problem = self.problem.select(index)

    def begin_epoch(self, epoch: int) -> None:
        """Shuffle the examples (or draw them) and set the learning rate of a 0-based epoch."""
        factor = self.spec.learning_rate_schedule.factor(epoch)
        for velocity in self.velocity.values():
            velocity.mul_(factor / self.factor)
        self.factor = factor
        self.rate = factor * torch.tensor([member.learning_rate for member in self.members], device=self.device)
        self.decay = self.rate * self._factors("weight_decay")
        self.radius = self._factors("adversarial") * self.problem.pixel
        self.batch_size = self.spec.batch_size_in(epoch)
        # Members of one seed see the examples in the same order; shuffling costs once per seed.
        orders = {seed: self._order(seed, epoch) for seed in {member.seed for member in self.members}}
        self.order = torch.stack([orders[member.seed] for member in self.members]).to(self.device)
        self.epoch_rows = self.problem.rows.gather(1, self.order)
        self.epoch_labels = self.problem.labels.gather(1, self.order)
        self.perturbations = Perturbations(self.members, self.network, epoch, self.device)
        if "lass" in self.members[0].regularizers:
            self.lass = LassPoints(self.members, lass_settings(self.spec), self.problem.pixel, epoch, self.device)

    def _order(self, seed: int, epoch: int) -> Tensor:
        """Return the examples of an epoch in the order in which they are trained on."""
        count, random = self.spec.examples, generator("order", seed, epoch)
        if self.spec.with_replacement:
            return torch.randint(count, (-(-count // self.batch_size) * self.batch_size,), generator=random)
        return torch.randperm(count, generator=random)

    def step(self, start: int) -> int:
        """Take one step on the examples from position `start` of this epoch's order; return the next position."""
        stop = min(start + self.batch_size, self.epoch_rows.shape[1])
        inputs = self.problem.inputs(self.epoch_rows[:, start:stop])
        targets = self.epoch_labels[:, start:stop]
        # The derivative of the mean loss, already times the learning rate: backpropagation is linear in it.
        weight = (self.rate / (stop - start)).unsqueeze(1)
        if "adversarial" in self.members[0].regularizers:
            inputs = attack(self.network, self.parameters, inputs, targets, self.radius, self.objective)
        if "lass" in self.members[0].regularizers:
            inputs, targets, weight = self.lass.join(self.network, self.parameters, inputs, targets, weight)
        perturbation = self.perturbations.next(inputs.shape[1])
        outputs, tape = self.network.forward(self.parameters, inputs, perturbation, training=True)
        gradient = self.objective.gradient(outputs, targets).mul_(weight.unsqueeze(1))
        self.network.backward(tape, gradient, self.velocity, keep=self.members[0].momentum)
        views = self._views()
        for name, velocity in self.velocity.items():
            parameter = views[name]
            if "weight_decay" in self.members[0].regularizers:
                velocity.addcmul_(parameter, self.decay.view(-1, *[1] * (parameter.dim() - 1)))
            parameter.sub_(velocity)
        self.network.update_statistics(self.parameters, tape)
        return stop
