"""Whether a network and an objective give tensors of the shapes that a training needs, asked of a few examples.

A wrong one would fail deep in an epoch, in words that name neither, or be broadcast and train something else.
"""

from __future__ import annotations

import torch

from closerlook.nets import NETS
from closerlook.nets.network import Network
from closerlook.objectives import OBJECTIVES
from closerlook.objectives.objective import Objective
from closerlook.spec import Ensemble
from closerlook.training.stack import Problem


class ShapeError(ValueError):
    """A network or an objective gives a tensor of another shape than it should; the message is one line."""


@torch.no_grad()
def require_shapes(spec: Ensemble, network: Network, objective: Objective, problem: Problem, classes: int) -> None:
    """Try a network and an objective on a few examples.

    Parameters
    ----------
    spec : Ensemble
        What is to be trained, with their names.
    network, objective
        What they are.
    problem : Problem
        The data on the device to train on.
    classes : int
        How many outputs the network is to have.

    Raises
    ------
    ShapeError
        Naming which of them it is, its file, and the shapes found and wanted.
    """
    members, batch = [size for size in (2, 3, 4) if size != classes][:2]  # no two axes are of one size
    rows = torch.arange(members * batch, device=problem.pool.device).view(members, batch) % len(problem.pool)
    parameters = network.initialise(range(members)).to(problem.pool.device)
    outputs, _ = network.forward(parameters, problem.inputs(rows))
    whose = f"{NETS.path(spec.network)}: network {spec.network} gives outputs"
    _require(whose, outputs, (members, classes, batch), "member, class, example")
    targets, whose = rows % classes, f"{OBJECTIVES.path(spec.objective)}: objective {spec.objective} gives"
    _require(f"{whose} losses", objective.losses(outputs, targets), (members, batch), "member, example")
    _require(f"{whose} correct", objective.correct(outputs, targets), (members, batch), "member, example")
    slopes = objective.gradient(outputs, targets)
    _require(f"{whose} a gradient", slopes, (members, classes, batch), "member, class, example")


def _require(whose: str, found: object, wanted: tuple[int, ...], axes: str) -> None:
    is_tensor = isinstance(found, torch.Tensor)
    if not is_tensor or tuple(found.shape) != wanted:
        what = f"of shape {tuple(found.shape)}" if is_tensor else f"as a {type(found).__name__}, no tensor"
        raise ShapeError(f"{whose} {what}; wanted for these examples: {wanted}, which is ({axes})")
