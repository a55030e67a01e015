"""Losses and accuracies of the members of a stack, on their own training and validation sets."""

from __future__ import annotations

import torch
from torch import Tensor

from closerlook.nets.network import Network
from closerlook.objectives.objective import Objective
from closerlook.training.limits import CHUNK_BYTES
from closerlook.training.stack import Problem


def _chunk(network: Network, parameters: Tensor) -> int:
    # For a stack of eight, whatever the stack: a member's sums must not depend on how many stand beside it.
    return max(32, CHUNK_BYTES[parameters.device.type] // (4 * 8 * network.tape_size(1)))


def evaluate_training(
    network: Network, objective: Objective, parameters: Tensor, problem: Problem
) -> tuple[Tensor, Tensor]:
    """Return each training example's loss and whether it is classified as labelled, both (member, example)."""
    losses, correct = [], []
    chunk = _chunk(network, parameters)
    for rows, labels in zip(problem.rows.split(chunk, dim=1), problem.labels.split(chunk, dim=1), strict=True):
        outputs, _ = network.forward(parameters, problem.inputs(rows))
        losses.append(objective.losses(outputs, labels))
        correct.append(objective.correct(outputs, labels))
    return torch.cat(losses, dim=1), torch.cat(correct, dim=1)


def evaluate_validation(
    network: Network, objective: Objective, parameters: Tensor, problem: Problem
) -> tuple[Tensor, Tensor]:
    """Return each validation example's loss and whether it is classified rightly, both (member, example)."""
    losses, correct = [], []
    for rows in problem.validation_rows.split(_chunk(network, parameters), dim=1):
        inputs, labels = problem.validation(rows)
        outputs, _ = network.forward(parameters, inputs)
        losses.append(objective.losses(outputs, labels))
        correct.append(objective.correct(outputs, labels))
    return torch.cat(losses, dim=1), torch.cat(correct, dim=1)


def mean_where(values: Tensor, chosen: Tensor) -> Tensor:
    """Return each row's mean over the chosen examples, NaN where there are none."""
    return (values * chosen).sum(dim=1) / chosen.sum(dim=1)
