"""Networks trained side by side as one program: the state of a stack.

A stack is a group of an ensemble's members (`closerlook.training.grouping`). Every tensor has the member first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from closerlook.nets.network import Network
from closerlook.objectives.objective import Objective
from closerlook.optimizers import OPTIMIZERS
from closerlook.runtime.streams import stream_seed
from closerlook.spec import Ensemble, Member


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
    validation_rows: Tensor | None = None
    """None: every member validates on all"""

    def __post_init__(self) -> None:
        if self.validation_rows is None:
            every = torch.arange(len(self.validation_labels), device=self.validation_labels.device)
            self.validation_rows = every.expand(len(self.rows), -1)

    def select(self, members: Tensor) -> Problem:
        """Return the problem of some members only; pool and validation images are shared, not copied."""
        return Problem(
            self.pool,
            self.rows[members],
            self.labels[members],
            self.is_noise[members],
            self.validation_inputs,
            self.validation_labels,
            self.pixel,
            self.validation_rows[members],
        )

    def inputs(self, rows: Tensor) -> Tensor:
        """Return the inputs in the pool's `rows`, shape (*rows, *input)."""
        return _taken(self.pool, rows)

    def validation(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the validation inputs in `rows`, shape (*rows, *input), and their labels."""
        return _taken(self.validation_inputs, rows), _taken(self.validation_labels, rows)


def _taken(values: Tensor, rows: Tensor) -> Tensor:
    return values.index_select(0, rows.flatten()).view(*rows.shape, *values.shape[1:])


class Stack:
    """Networks that are trained together: their parameters, what the optimiser remembers of them, and their data.

    Attributes
    ----------
    numbers : list of int
        Places of the members that are still training in the ensemble.
    members : list of Member
        These themselves.
    parameters : Tensor (member, parameter)
        Theirs.
    updates : Updates
        The optimiser at work.
    factor : float
        On the learning rates, in the epoch begun last.
    """

    def __init__(
        self, spec: Ensemble, numbers: list[int], network: Network, objective: Objective, problem: Problem
    ) -> None:
        self.spec, self.network, self.objective = spec, network, objective
        self.numbers = numbers
        self.members: list[Member] = [spec.members[number] for number in numbers]
        self.device = problem.pool.device
        seeds = [stream_seed("weights", member.seed) for member in self.members]
        self.parameters = network.initialise(seeds).to(self.device)
        self.updates = OPTIMIZERS[spec.optimizer].start(self.trained())
        self.problem = problem.select(torch.tensor(numbers, device=self.device))
        self.factor = 1.0

    def trained(self) -> dict[str, Tensor]:
        """Return views (member, *shape), by name, of the parameters that training moves along the gradient."""
        views = self.network.views(self.parameters)
        return {name: views[name] for name in self.network.trained}

    def keep(self, positions: list[int]) -> None:
        """Drop all but the members at `positions`."""
        index = torch.tensor(positions, device=self.device)
        self.numbers = [self.numbers[position] for position in positions]
        self.members = [self.members[position] for position in positions]
        self.parameters = self.parameters[index]
        for name, values in self.updates.state.items():
            self.updates.state[name] = values[index]
        self.problem = self.problem.select(index)

    def restore(
        self, numbers: list[int], parameters: np.ndarray, state: Mapping[str, np.ndarray], factor: float
    ) -> None:
        """Go back to a state in which the members with these numbers in the ensemble were left."""
        self.keep([self.numbers.index(number) for number in numbers])
        self.parameters.copy_(torch.from_numpy(parameters))
        for name, values in state.items():
            self.updates.state[name].copy_(torch.from_numpy(values))
        self.factor = factor
