"""The training of one network once more: every state that it passed through, and what it saw on the way.

A derivative through all updates needs them all, and `trained.h5` has a few checkpoints. Training is bit-reproducible,
so it is replayed, by the very code that trained (`closerlook.training.epoch.Epoch`), and held against a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import sqrt

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from closerlook.data.loading import TrainingData
from closerlook.nets.network import Network
from closerlook.objectives.objective import Objective
from closerlook.optimizers import OPTIMIZERS
from closerlook.spec import Ensemble, Member
from closerlook.training.epoch import Epoch
from closerlook.training.evaluation import evaluate_training
from closerlook.training.job import to_problem
from closerlook.training.stack import Stack

REPLAY_TOLERANCE = 1e-3
"""By how much of its norm a replayed state may differ from the checkpoint: rounding on another device, no more."""


class ReplayError(ValueError):
    """A training run cannot be replayed here, or its replay ends elsewhere; the message is one line."""


class Replays:
    """Trains members of an ensemble once more, each alone; what a measure gets to replay by."""

    def __init__(
        self, spec: Ensemble, network: Network, objective: Objective, data: TrainingData, device: torch.device
    ) -> None:
        self.setting = (network, objective, to_problem(data, device))
        self.spec = spec

    def __call__(
        self, member: int, steps: int, *, recompute: bool = False, checkpoints: Mapping[int, Tensor] | None = None
    ) -> Trajectory:
        """Return the trajectory of one member; arguments and refusals as of `Trajectory`."""
        stack = Stack(self.spec, [member], *self.setting)
        return Trajectory(stack, steps, recompute=recompute, checkpoints=checkpoints)


class Trajectory:
    """States and examples of one network's training by plain SGD.

    Parameters
    ----------
    stack : Stack
        A fresh stack of one member, at its initial state.
    steps : int
        So many updates at least, rounded up to whole epochs.
    recompute : bool
        Keep the states at the ends of about sqrt(epochs) segments only, and recompute a segment when it is asked for:
        one more replay for memory in sqrt(steps) instead of steps.
    checkpoints : mapping of int to Tensor
        Epoch -> the parameters (parameter,) that training had there; the replay is held against those that it passes.

    Attributes
    ----------
    batches : list of Int[Tensor, "batch"]
        For every update, the member's training examples in its minibatch, as numbers from 0.
    rates : list of float
        For every update, its learning rate.

    Raises
    ------
    ReplayError
        If the member is trained otherwise than by plain SGD, or the replay leaves a checkpoint behind.
    """

    def __init__(
        self, stack: Stack, steps: int, *, recompute: bool = False, checkpoints: Mapping[int, Tensor] | None = None
    ) -> None:
        if len(stack.members) != 1:
            raise ValueError(f"a trajectory is that of one network, not of {len(stack.members)}")
        require_plain(stack.spec, stack.members[0])
        self.stack = stack
        self.batches: list[Int[Tensor, " batch"]] = []
        self.rates: list[float] = []
        epochs, self.starts = 0, [0]  # the step at which each epoch begins
        self.states: list[Tensor] | None = None if recompute else []
        self.anchors: dict[int, Tensor] = {}  # by epoch
        while self.starts[-1] < steps:
            if epochs == stack.spec.epochs:
                raise ReplayError(f"{steps} updates are asked for, and training is {self.starts[-1]} long")
            self._keep_anchor(epochs, steps)
            self._hold_against(epochs, checkpoints or {})
            states = self._epoch(epochs, note=True)
            if self.states is not None:
                self.states += states
            epochs += 1
            self.starts.append(len(self.batches))
        self.anchors[epochs] = stack.parameters[0].clone()
        self._hold_against(epochs, checkpoints or {})

    @property
    def steps(self) -> int:
        """Number of updates."""
        return len(self.batches)

    @property
    def network(self) -> Network:
        """What was trained."""
        return self.stack.network

    @property
    def objective(self) -> Objective:
        """What was minimised."""
        return self.stack.objective

    @property
    def inputs(self) -> Float[Tensor, " example *site"]:
        """The training examples, as standardised."""
        return self.stack.problem.inputs(self.stack.problem.rows[0])

    @property
    def labels(self) -> Int[Tensor, " example"]:
        """Their labels, as trained on."""
        return self.stack.problem.labels[0]

    @property
    def pixel(self) -> float:
        """By how much an input changes when its pixel goes from 0 to 1."""
        return self.stack.problem.pixel

    def evaluate(
        self, state: Float[Tensor, " parameter"]
    ) -> tuple[Float[Tensor, "1 example"], Bool[Tensor, "1 example"]]:
        """Return each training example's loss at a state, and whether it is classified as labelled."""
        return evaluate_training(self.network, self.objective, state.unsqueeze(0), self.stack.problem)

    def backwards(self, stop: int) -> Iterator[tuple[int, Float[Tensor, " parameter"]]]:
        """Yield (t, parameters after t updates) for t from `stop` down to 0."""
        if not 0 <= stop <= self.steps:
            raise ValueError(f"the trajectory has 0 to {self.steps} updates, not {stop}")
        if stop == self.starts[-1]:
            yield stop, self.anchors[len(self.starts) - 1]
            stop -= 1
        for first, last in reversed(list(pairwise(self.anchors))):
            if self.starts[first] <= stop:
                states = self._segment(first, last)
                for step in range(min(stop, self.starts[last] - 1), self.starts[first] - 1, -1):
                    yield step, states[step - self.starts[first]]

    def _segment(self, first: int, last: int) -> list[Tensor]:
        """Return the states from the beginning of one epoch up to that of another."""
        if self.states is not None:
            return self.states[self.starts[first] : self.starts[last]]
        self.stack.parameters[0].copy_(self.anchors[first])
        return [state for epoch in range(first, last) for state in self._epoch(epoch)]

    def _keep_anchor(self, epoch: int, steps: int) -> None:
        # How many epochs there will be is known once the first is over; until then each begins a segment.
        total = steps * epoch / self.starts[epoch] if epoch else 1
        if self.states is None or epoch == 0:
            stride = max(1, round(sqrt(total)))
            if epoch % stride == 0:
                self.anchors[epoch] = self.stack.parameters[0].clone()

    def _epoch(self, epoch: int, note: bool = False) -> list[Tensor]:
        """Train for an epoch; return the state before each update."""
        stack, passed, states = self.stack, Epoch(self.stack, epoch), []
        for batch in passed.batches:
            states.append(stack.parameters[0].clone())
            passed.step(batch)
            if note:
                self.batches.append(passed.order[0, batch])
                self.rates.append(stack.updates.scale.item())
        return states

    def _hold_against(self, epoch: int, checkpoints: Mapping[int, Tensor]) -> None:
        if epoch not in checkpoints:
            return
        kept, state = checkpoints[epoch].double(), self.stack.parameters[0].double().cpu()
        distance = ((state - kept).norm() / kept.norm()).item()
        if not distance <= REPLAY_TOLERANCE:
            raise ReplayError(
                f"the replay is {distance:.2g} of the parameters' norm away from checkpoint epoch-{epoch} "
                f"(allowed is {REPLAY_TOLERANCE:g}); train again on this device with this version"
            )


def require_plain(spec: Ensemble, member: Member) -> None:
    """Refuse a member whose updates are more than a step against the gradient of the loss.

    Raises
    ------
    ReplayError
        Naming the optimiser, or the factors that are not 0.
    """
    without = OPTIMIZERS[spec.optimizer].plain_without
    if without is None:
        raise ReplayError(f"loss sensitivity needs plain SGD, which optimizer {spec.optimizer} is not")
    used = {name: getattr(member, name) for name in without} | member.regularizers
    if set_factors := [f"{name} {value:g}" for name, value in used.items() if value]:
        raise ReplayError(f"loss sensitivity needs plain SGD; this member has {', '.join(set_factors)}")
