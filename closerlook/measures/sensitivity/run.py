"""Loss sensitivity of an ensemble's members, each along the replay of its training.

Derivatives are with respect to pixels of intensity 0 to 1, whatever the standardisation of the inputs; their L1 norm is
averaged over pixels, as in the original's script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from closerlook.measures.job import Job
from closerlook.measures.sensitivity import Options
from closerlook.numerics.adjoint import LaterLoss, Updates, sensitivities
from closerlook.numerics.gini import gini


def run(job: Job, options: Options) -> dict[str, np.ndarray]:
    """Measure the loss sensitivity of every member after several numbers of updates.

    For the sensitivity of an example the losses are those of minibatches, each just before it is trained on, and count
    only through past updates; an example's value is the mean over the losses. For the class matrix they are the
    classes' mean training losses, and an input's direct effect on its own class's loss counts too. Both are as in the
    original's script.

    Raises
    ------
    ValueError
        If training was more than plain SGD, is shorter than asked for, or its replay does not come by its checkpoints.
    """
    spec, members = job.spec, len(job.spec.members)
    if job.network.statistics:
        raise ValueError(f"loss sensitivity is not written for batch normalisation ({spec.network})")
    classes = job.data.classes if options.class_matrix and not spec.own_class else 0
    diverged, epochs = (job.file[f"outcome/{part}"][:] for part in ("diverged", "epochs"))
    found = []
    for number in range(members):
        if diverged[number]:
            found.append(MemberSensitivity.missing(options, spec.examples, classes))
            continue
        trajectory = job.replay(number, options.steps[-1], recompute=options.recompute)
        found.append(member_sensitivity(trajectory, options, classes, int(epochs[number])))
        job.log(f"{spec.name}: sensitivity of network {number} of {members}, Gini {found[-1].gini[-1]:.3f}")
    arrays = {
        "steps": np.array(options.steps, np.int64),
        "sensitivity": np.stack([one.examples for one in found]),
        "gini": np.array([one.gini for one in found]),
        "train_loss": np.stack([one.train_loss for one in found]),
        "train_accuracy": np.stack([one.train_accuracy for one in found]),
    }
    return arrays | ({"class_matrix": np.stack([one.matrix for one in found])} if classes else {})


def times(options: Options, horizon: int, losses: int) -> list[int]:
    """Return the steps of so many losses before a horizon, the last first.

    250 over 500 are every second step (the original's script): horizon - 1, horizon - 3, ...
    """
    return [horizon - 1 - index * options.over // losses for index in range(losses)]


def minibatch_losses(options: Options, updates: Updates, horizon: int) -> list[LaterLoss]:
    """Return losses of minibatches, each at the state that is about to be trained on it."""
    return [LaterLoss(step, updates.batches[step]) for step in times(options, horizon, options.losses)]


def class_losses(options: Options, labels: Int[Tensor, " example"], classes: int) -> list[LaterLoss]:
    """Return every class's mean loss over its training examples at the last horizon, and at steps before.

    At as many steps as `losses` allow for, at least one; class by class within a step.
    """
    members = [(labels == label).nonzero().flatten() for label in range(classes)]
    present = [examples for examples in members if len(examples)]
    steps = times(options, options.steps[-1], max(1, options.losses // classes))
    return [LaterLoss(step + 1, examples, direct=True) for step in steps for examples in present]


def class_means(
    sensitivity: Float[Tensor, "loss example"], labels: Int[Tensor, " example"], classes: int
) -> Float[np.ndarray, "class class"]:
    """Return the mean sensitivity of each class's losses (row) to the training examples of each class (column).

    `sensitivity` is that of the losses of `class_losses`. NaN for a class without training examples.
    """
    members = torch.stack([labels == label for label in range(classes)]).double()
    present = members.any(dim=1)
    columns = sensitivity.double() @ members.T / members.sum(dim=1)
    matrix = torch.full((classes, classes), torch.nan, dtype=torch.float64, device=sensitivity.device)
    matrix[present] = columns.view(-1, int(present.sum()), classes).mean(dim=0)
    return matrix.cpu().numpy()


@dataclass(frozen=True)
class MemberSensitivity:
    """What is measured of one member; `matrix` (class, class) is None where it is not asked for."""

    examples: Float[np.ndarray, "horizon example"]
    train_loss: Float[np.ndarray, " horizon"]
    train_accuracy: Float[np.ndarray, " horizon"]
    matrix: Float[np.ndarray, "class class"] | None

    @classmethod
    def missing(cls, options: Options, examples: int, classes: int) -> MemberSensitivity:
        """Return that of a member that has none: NaN throughout."""
        horizons = len(options.steps)
        shapes = ((horizons, examples), (horizons,), (horizons,))
        matrix = np.full((classes, classes), np.nan) if classes else None
        return cls(*(np.full(shape, np.nan, np.float32) for shape in shapes), matrix)

    @property
    def gini(self) -> list[float]:
        """The Gini coefficient over examples at each horizon."""
        return [gini(values) for values in self.examples]


def member_sensitivity(
    trajectory: Any, options: Options, classes: int = 0, epochs: int | None = None
) -> MemberSensitivity:
    """Measure one member along its trajectory (`closerlook.training.replay.Trajectory`); class by class with `classes`.

    NaN at horizons beyond the `epochs` that it was trained for (None: all).
    """
    labels = trajectory.labels
    found = MemberSensitivity.missing(options, len(labels), classes)
    reached = trajectory.starts[-1 if epochs is None else min(epochs, len(trajectory.starts) - 1)]
    horizons = [horizon for horizon in options.steps if horizon <= reached]
    losses = [loss for horizon in horizons for loss in minibatch_losses(options, trajectory, horizon)]
    if classes and len(horizons) == len(options.steps):
        losses += class_losses(options, labels, classes)
    if not losses:
        return found
    sensitivity = follow(trajectory, losses, options.at_once)
    for index, horizon in enumerate(horizons):
        own = sensitivity[index * options.losses : (index + 1) * options.losses]
        found.examples[index] = own.mean(dim=0).cpu().numpy()
        _, state = next(trajectory.backwards(horizon))
        by_example, correct = trajectory.evaluate(state)
        found.train_loss[index] = by_example.mean().item()
        found.train_accuracy[index] = correct.double().mean().item()
    by_class = sensitivity[len(horizons) * options.losses :]
    if len(by_class):
        found.matrix[...] = class_means(by_class, labels, classes)
    return found


def follow(trajectory: Any, losses: Sequence[LaterLoss], at_once: int) -> Float[Tensor, "loss example"]:
    """Return the sensitivity of losses of a trajectory's own network, in units of loss per pixel intensity."""
    setting = (trajectory.network, trajectory.objective, trajectory.inputs, trajectory.labels)
    return sensitivities(trajectory, losses, *setting, at_once=at_once) * trajectory.pixel
