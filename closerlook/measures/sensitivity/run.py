"""Loss sensitivity of an ensemble: from `trained.h5` to `sensitivity.h5`, by replaying its training.

*A Closer Look at Memorization* (section 3.2, Figures 3 and 4): how much a later training loss depends on each training
input, through all updates in between. Derivatives are with respect to pixels of intensity 0 to 1, whatever the
standardisation of the inputs; their L1 norm is averaged over pixels, as in the original's script.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from closerlook.measures.trained import Trained, create_measured, open_trained
from closerlook.numerics.adjoint import LaterLoss, sensitivities
from closerlook.numerics.gini import gini
from closerlook.objectives import OBJECTIVES
from closerlook.training.evaluation import evaluate_training
from closerlook.training.job import to_problem
from closerlook.training.replay import ReplayError, Trajectory
from closerlook.training.stack import Stack


@dataclass(frozen=True)
class Plan:
    """Which losses are followed back.

    `losses` of them, evenly spaced over the last `over` updates before each horizon in `steps`; `at_once` together,
    which keep that many times examples x pixels numbers. `recompute` and `class_matrix` as in `measure_sensitivity`.
    """

    steps: tuple[int, ...]
    losses: int = 250
    over: int = 500
    at_once: int = 64
    recompute: bool = True
    class_matrix: bool = True

    def __post_init__(self) -> None:
        """Raise ValueError where a number is impossible."""
        if not self.steps or list(self.steps) != sorted(set(self.steps)):
            raise ValueError(f"steps are {list(self.steps)}; they must be numbers of updates, ascending")
        if not 1 <= self.over <= self.steps[0]:
            raise ValueError(f"over is {self.over}; allowed are 1 to {self.steps[0]}, the fewest of the steps")
        if not 1 <= self.losses <= self.over:
            raise ValueError(f"losses is {self.losses}; allowed are 1 to {self.over}, one for each update of 'over'")
        if self.at_once < 1:
            raise ValueError(f"at_once is {self.at_once}; it must be 1 or more")

    def times(self, horizon: int, losses: int) -> list[int]:
        """Return the steps of so many losses before a horizon, the last first.

        250 over 500 are every second step (the original's script): horizon - 1, horizon - 3, ...
        """
        return [horizon - 1 - index * self.over // losses for index in range(losses)]

    def minibatch_losses(self, trajectory: Trajectory, horizon: int) -> list[LaterLoss]:
        """Return losses of minibatches, each at the state that is about to be trained on it."""
        return [LaterLoss(step, trajectory.batches[step]) for step in self.times(horizon, self.losses)]

    def class_losses(self, labels: Int[Tensor, " example"], classes: int) -> list[LaterLoss]:
        """Return every class's mean loss over its training examples at the last horizon, and at steps before.

        At as many steps as `losses` allow for, at least one; class by class within a step.
        """
        members = [(labels == label).nonzero().flatten() for label in range(classes)]
        present = [examples for examples in members if len(examples)]
        times = self.times(self.steps[-1], max(1, self.losses // classes))
        return [LaterLoss(step + 1, examples, direct=True) for step in times for examples in present]


def class_means(
    sensitivity: Float[Tensor, "loss example"], labels: Int[Tensor, " example"], classes: int
) -> Float[np.ndarray, "class class"]:
    """Return the mean sensitivity of each class's losses (row) to the training examples of each class (column).

    `sensitivity` is that of the losses of `Plan.class_losses`. NaN for a class without training examples.
    """
    members = torch.stack([labels == label for label in range(classes)]).double()
    present = members.any(dim=1)
    columns = sensitivity.double() @ members.T / members.sum(dim=1)
    matrix = torch.full((classes, classes), torch.nan, dtype=torch.float64, device=sensitivity.device)
    matrix[present] = columns.view(-1, int(present.sum()), classes).mean(dim=0)
    return matrix.cpu().numpy()


def measure_sensitivity(
    trained: Path,
    data: Path,
    noise: Mapping[str, Path],
    output: Path,
    *,
    steps: Sequence[int],
    losses: int = 250,
    over: int = 500,
    at_once: int = 64,
    recompute: bool = True,
    class_matrix: bool = True,
    device: str = "cpu",
    log: Callable[[str], None] = print,
) -> None:
    """Measure the loss sensitivity of every member after several numbers of updates, and write `sensitivity.h5`.

    For the sensitivity of an example the losses are those of minibatches, each just before it is trained on, and count
    only through past updates; an example's value is the mean over the losses. For the class matrix they are the
    classes' mean training losses, and an input's direct effect on its own class's loss counts too. Both are as in the
    original's script. Members that diverged, or stopped earlier, have NaN.

    Parameters
    ----------
    trained, data, output : Path
        `trained.h5`, the data set, and the file to write, which appears whole or not at all.
    noise : mapping of str to Path
        The corrupted training sets by noise kind.
    steps : sequence of int
        Horizons: after how many updates, ascending; no more than were trained.
    losses, over : int
        Losses for a horizon, evenly spaced over its last `over` updates.
    at_once : int
        Losses that go back together; they keep that many times examples x pixels numbers of 4 bytes.
    recompute : bool
        Keep only about the square root of all states, and recompute the others: for long runs.
    class_matrix : bool
        Also measure classes against classes, at the last horizon; not where every example is a class of its own.
    device : str
        A torch device.
    log : callable
        Receives the log lines.

    Raises
    ------
    closerlook.store.StoreError
        If an input file is damaged or does not belong to the others.
    closerlook.training.replay.ReplayError
        If training was more than plain SGD, or its replay does not come by the checkpoints of `trained`.
    ValueError
        If a number is impossible.
    """
    plan = Plan(tuple(steps), losses, over, at_once, recompute, class_matrix)
    with open_trained(trained, data, noise) as ensemble:
        spec, network = ensemble.spec, ensemble.network
        if network.statistics:
            raise ReplayError(f"{trained}: loss sensitivity is not written for batch normalisation ({spec.network})")
        classes = ensemble.data.classes if class_matrix and not spec.own_class else 0
        problem = to_problem(ensemble.data, torch.device(device))
        found = []
        for number in range(len(spec.members)):
            if ensemble.file["outcome/diverged"][number]:
                found.append(MemberSensitivity.missing(plan, spec.examples, classes))
                continue
            stack = Stack(spec, [number], network, OBJECTIVES[spec.objective], problem)
            try:
                kept = _checkpoints(ensemble, number)
                trajectory = Trajectory(stack, plan.steps[-1], recompute=recompute, checkpoints=kept)
            except ReplayError as error:
                raise ReplayError(f"{trained}: network {number}: {error}") from None
            epochs = int(ensemble.file["outcome/epochs"][number])
            found.append(member_sensitivity(trajectory, plan, classes, epochs))
            log(f"{spec.name}: sensitivity of network {number} of {len(spec.members)}, Gini {found[-1].gini[-1]:.3f}")
    with create_measured(output, "sensitivity", spec, asdict(plan), device) as file:
        _write(file, plan, found)


@dataclass(frozen=True)
class MemberSensitivity:
    """What is measured of one member; `matrix` (class, class) is None where it is not asked for."""

    examples: Float[np.ndarray, "horizon example"]
    train_loss: Float[np.ndarray, " horizon"]
    train_accuracy: Float[np.ndarray, " horizon"]
    matrix: Float[np.ndarray, "class class"] | None

    @classmethod
    def missing(cls, plan: Plan, examples: int, classes: int) -> MemberSensitivity:
        """Return that of a member that has none: NaN throughout."""
        horizons = len(plan.steps)
        shapes = ((horizons, examples), (horizons,), (horizons,))
        matrix = np.full((classes, classes), np.nan) if classes else None
        return cls(*(np.full(shape, np.nan, np.float32) for shape in shapes), matrix)

    @property
    def gini(self) -> list[float]:
        """The Gini coefficient over examples at each horizon."""
        return [gini(values) for values in self.examples]


def member_sensitivity(
    trajectory: Trajectory, plan: Plan, classes: int = 0, epochs: int | None = None
) -> MemberSensitivity:
    """Measure one member along its trajectory; with `classes`, also class by class.

    NaN at horizons beyond the `epochs` that it was trained for (None: all).
    """
    stack = trajectory.stack
    found = MemberSensitivity.missing(plan, stack.problem.rows.shape[1], classes)
    reached = trajectory.starts[-1 if epochs is None else min(epochs, len(trajectory.starts) - 1)]
    horizons = [horizon for horizon in plan.steps if horizon <= reached]
    losses = [loss for horizon in horizons for loss in plan.minibatch_losses(trajectory, horizon)]
    labels = stack.problem.labels[0]
    if classes and len(horizons) == len(plan.steps):
        losses += plan.class_losses(labels, classes)
    if not losses:
        return found
    sensitivity = follow(trajectory, losses, plan.at_once)
    for index, horizon in enumerate(horizons):
        own = sensitivity[index * plan.losses : (index + 1) * plan.losses]
        found.examples[index] = own.mean(dim=0).cpu().numpy()
        _, state = next(trajectory.backwards(horizon))
        by_example, correct = evaluate_training(stack.network, stack.objective, state.unsqueeze(0), stack.problem)
        found.train_loss[index] = by_example.mean().item()
        found.train_accuracy[index] = correct.double().mean().item()
    by_class = sensitivity[len(horizons) * plan.losses :]
    if len(by_class):
        found.matrix[...] = class_means(by_class, labels, classes)
    return found


def follow(trajectory: Trajectory, losses: Sequence[LaterLoss], at_once: int) -> Float[Tensor, "loss example"]:
    """Return the sensitivity of losses of a trajectory's own network, in units of loss per pixel intensity."""
    stack, problem = trajectory.stack, trajectory.stack.problem
    setting = (stack.network, stack.objective, problem.inputs(problem.rows[0]), problem.labels[0])
    return sensitivities(trajectory, losses, *setting, at_once=at_once) * problem.pixel


def _checkpoints(ensemble: Trained, number: int) -> dict[int, Tensor]:
    """Return a member's checkpoints that lie at a whole epoch: epoch -> (parameter,)."""
    names = list(ensemble.file["checkpoints"])
    ensemble.require(names)
    epochs = {name: float(ensemble.file[f"checkpoints/{name}/epoch"][number]) for name in names}
    return {int(epoch): ensemble.parameters(name, number)[0] for name, epoch in epochs.items() if epoch.is_integer()}


def _write(file: h5py.File, plan: Plan, found: Sequence[MemberSensitivity]) -> None:
    file["steps"] = np.array(plan.steps, np.int64)
    file["sensitivity"] = np.stack([one.examples for one in found])
    file["gini"] = np.array([one.gini for one in found])
    file["train_loss"] = np.stack([one.train_loss for one in found])
    file["train_accuracy"] = np.stack([one.train_accuracy for one in found])
    if found[0].matrix is not None:
        file["class_matrix"] = np.stack([one.matrix for one in found])
