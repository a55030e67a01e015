"""What is trained, in full: the members of an ensemble and everything that they share.

A specification is the identity of a training run: the trainer sees nothing else, two equal specifications give the
same bytes, and `trained.h5` carries it as JSON. Plain frozen dataclasses from the standard library, so that a machine
that only trains needs neither the config models nor Snakemake.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields

NOISE_KINDS = ("none", "randX", "randXg", "randXu", "randY")
"""`none`; `randX`: Gaussian inputs, mean and variance matched pixel by pixel; `randXg`: Gaussian inputs, one mean and
variance for all pixels; `randXu`: uniform inputs; `randY`: uniformly random labels."""


@dataclass(frozen=True)
class Member:
    """One network of an ensemble: everything in which it may differ from its neighbours.

    Its random numbers (initial weights, batch order, dropout, ...) depend on these fields and on the shared ones of its
    `Ensemble`, never on which other members are in the stack.
    """

    seed: int = 0
    noise: str = "none"
    level: float = 0.0
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    dropout: float = 0.0
    input_dropout: float = 0.0
    input_noise: float = 0.0
    hidden_noise: float = 0.0
    adversarial: float = 0.0
    lass: float = 0.0


MEMBER_FACTORS = tuple(entry.name for entry in fields(Member))


@dataclass(frozen=True)
class Schedule:
    """Stages of a multiplicative factor: ``stages[i] = (first epoch, factor)``; with a `period` they repeat.

    Epochs count from 0 here: a stage that starts at 60 first acts on the 61st pass over the data.
    """

    stages: tuple[tuple[int, float], ...] = ()
    period: int | None = None

    def factor(self, epoch: int) -> float:
        """Return the factor in force during the 0-based `epoch`."""
        position = epoch % self.period if self.period else epoch
        return next((factor for start, factor in reversed(self.stages) if start <= position), 1.0)


@dataclass(frozen=True)
class Checkpoints:
    """Which states of a network are kept.

    `epochs`: after so many epochs (0 is the initial state); `fit`: at the first epoch with every training example
    right; `losses`: when the loss over the whole training set first falls to the value.
    """

    epochs: tuple[int, ...] = ()
    fit: bool = False
    losses: tuple[float, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Return the checkpoints' names in `trained.h5`, such as ``epoch-100``, ``fit``, ``loss-0.1``."""
        return (
            *(f"epoch-{epoch}" for epoch in self.epochs),
            *(("fit",) if self.fit else ()),
            *(f"loss-{loss:g}" for loss in self.losses),
        )


@dataclass(frozen=True)
class Answers:
    """When it is recorded which of its first `examples` training examples a network classifies as labelled.

    `steps` are numbers of updates, ascending; nothing is recorded where there are none.
    """

    steps: tuple[int, ...] = ()
    examples: int = 0


@dataclass(frozen=True)
class Lass:
    """How training searches for adversarial points (`closerlook.nets.lass`), in pixel units from 0 to 1.

    The defaults are those of *A Closer Look at Memorization* on 0 to 255, with fewer `iterations`.
    """

    radius: float = 0.3 / 255
    step: float = 0.25 / 255
    noise: float = 0.2 / 255
    iterations: int = 10


@dataclass(frozen=True)
class Ensemble:
    """Networks that share tensor shapes and are trained in one job.

    `network` names a module of `closerlook.nets`; `widths` are its hidden sizes. `after_fit` is how many epochs a
    member trains on once it has every training example right (None: until `epochs`). `evaluate_every` is in epochs.

    `objective` names an entry of `closerlook.training.objectives`. With `same_examples` all members see the examples
    and the noise of seed 0, and differ in initial weights and batch order only. With `own_class` every training
    example is a class of its own, and nothing is validated. With `with_replacement` each batch is drawn anew from all
    examples, and an epoch is as many full batches as would hold them all.
    """

    dataset: str
    image_size: int
    examples: int
    validation_examples: int
    network: str
    widths: tuple[int, ...]
    batch_size: int
    epochs: int
    members: tuple[Member, ...]
    learning_rate_schedule: Schedule = field(default_factory=Schedule)
    batch_size_schedule: Schedule = field(default_factory=Schedule)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    after_fit: int | None = None
    evaluate_every: int = 1
    objective: str = "cross_entropy"
    same_examples: bool = False
    own_class: bool = False
    with_replacement: bool = False
    answers: Answers = field(default_factory=Answers)
    lass: Lass = field(default_factory=Lass)

    def data_seed(self, member: Member) -> int:
        """Return the seed of the training set that a member sees."""
        return 0 if self.same_examples else member.seed

    def batch_size_in(self, epoch: int) -> int:
        """Return the batch size of a 0-based epoch; only its last batch may be smaller."""
        return max(1, round(self.batch_size * self.batch_size_schedule.factor(epoch)))

    @property
    def largest_batch(self) -> int:
        """The most examples that a network sees at once in training; LASS points come on top of the batch."""
        size = min(self.examples, max(map(self.batch_size_in, range(self.epochs))))
        return 2 * size if any(member.lass for member in self.members) else size

    @property
    def name(self) -> str:
        """The ensemble's folder, such as ``mnist14-1000-mlp128x128-b32``."""
        widths = "x".join(map(str, self.widths))
        return f"{self.subset}-{self.network}{widths}-b{self.batch_size}"

    @property
    def subset(self) -> str:
        """The folder of its corrupted training sets, such as ``mnist14-1000``."""
        return f"{self.dataset}{self.image_size}-{self.examples}"

    @property
    def noises(self) -> tuple[str, ...]:
        """The noise kinds that its members need, in the order of `NOISE_KINDS`."""
        present = {member.noise for member in self.members}
        return tuple(kind for kind in NOISE_KINDS if kind in present)

    def to_json(self) -> str:
        """Return the specification as one line of JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Ensemble:
        """Return the specification that `to_json` wrote."""
        values = json.loads(text)
        for key in ("learning_rate_schedule", "batch_size_schedule"):
            stages = tuple((int(start), float(factor)) for start, factor in values[key]["stages"])
            values[key] = Schedule(stages, values[key]["period"])
        kept = values["checkpoints"]
        values["checkpoints"] = Checkpoints(tuple(kept["epochs"]), kept["fit"], tuple(kept["losses"]))
        values["answers"] = Answers(tuple(values["answers"]["steps"]), values["answers"]["examples"])
        values["lass"] = Lass(**values["lass"])
        values["widths"] = tuple(values["widths"])
        values["members"] = tuple(Member(**member) for member in values["members"])
        return cls(**values)
