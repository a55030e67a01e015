"""What is trained, in full: the members of an ensemble and everything that they share.

A specification is the identity of a training run: the trainer sees nothing else, two equal specifications give the
same bytes, and `trained.h5` carries it as JSON, in which what is at its default is left out: so a field that is added
changes no specification that was there before. Plain frozen dataclasses, so that a machine that only trains needs
neither pydantic nor Snakemake; the bounds in the annotations are what `closerlook.config` checks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt

Count = Annotated[int, Ge(1), Le(1_000_000)]
"""Counts have an end so that a slip of the keyboard is refused, and not by a machine that has run out of memory."""
Epoch = Annotated[int, Ge(0), Le(1_000_000)]
Level = Annotated[float, Ge(0), Le(1)]
Share = Annotated[float, Ge(0), Lt(1)]
Positive = Annotated[float, Gt(0), Lt(float("inf"))]
NotNegative = Annotated[float, Ge(0), Lt(float("inf"))]


class Axis:
    """Marks an option whose list is an axis of the experiment's grid; a single value may stand for a list of one."""


@dataclass(frozen=True)
class Thing:
    """Marks an option that names a thing, by the room that it is in."""

    room: str


REAL = "none"
"""The kind of noise that is none."""


@dataclass(frozen=True)
class Member:
    """One network of an ensemble: everything in which it may differ from its neighbours.

    Its random numbers (initial weights, batch order, dropout, ...) depend on these fields and on the shared ones of its
    `Ensemble`, never on which other members are in the stack.
    """

    seed: int = 0
    noise: str = REAL
    level: float = 0.0
    learning_rate: float = 0.01
    momentum: float = 0.9
    regularizers: dict[str, float] = field(default_factory=dict)
    """name -> strength, of those above 0"""

    def __post_init__(self) -> None:
        """Leave out regularizers of strength 0."""
        used = {name: strength for name, strength in sorted(self.regularizers.items()) if strength}
        object.__setattr__(self, "regularizers", used)

    def strength(self, regularizer: str) -> float:
        """Return the strength of a regularizer, 0 where the member does not use it."""
        return self.regularizers.get(regularizer, 0.0)


FACTORS = tuple(entry.name for entry in fields(Member) if entry.name != "regularizers")
"""The factors that every member has; beside them are the strengths of the regularizers in use."""


@dataclass(frozen=True)
class Schedule:
    """Stages of a multiplicative factor over the epochs.

    Epochs count from 0 here: a stage that starts at 60 first acts on the 61st pass over the data.
    """

    stages: dict[Epoch, Positive] = field(default_factory=dict)
    """first epoch (from 0) of a stage: factor in force from then on, such as {60: 0.1}"""
    period: Count | None = None
    """epochs after which the stages begin again; null: they do not"""

    def __post_init__(self) -> None:
        """Put the stages in order."""
        object.__setattr__(self, "stages", dict(sorted(self.stages.items())))

    def factor(self, epoch: int) -> float:
        """Return the factor in force during the 0-based `epoch`."""
        position = epoch % self.period if self.period else epoch
        return next((factor for start, factor in reversed(self.stages.items()) if start <= position), 1.0)


@dataclass(frozen=True)
class Checkpoints:
    """Which states of each network are kept for the measures."""

    epochs: tuple[Epoch, ...] = ()
    """after so many epochs; 0 is the initial state"""
    fit: bool = False
    """at the first evaluated epoch with every training example right"""
    losses: tuple[Positive, ...] = ()
    """when the loss over the training set is first seen at or below the value, in nats; at a look, so it may
    lie below (by up to 32 % in our runs): `checkpoints/loss-<value>/loss` in trained.h5 has what it was"""

    def __post_init__(self) -> None:
        """Put epochs in ascending order and losses in that of training."""
        object.__setattr__(self, "epochs", tuple(sorted(self.epochs)))
        object.__setattr__(self, "losses", tuple(sorted(self.losses, reverse=True)))

    def names(self) -> tuple[str, ...]:
        """Return the checkpoints' names in `trained.h5`, such as ``epoch-100``, ``fit``, ``loss-0.1``."""
        return (
            *(f"epoch-{epoch}" for epoch in self.epochs),
            *(("fit",) if self.fit else ()),
            *(f"loss-{loss:g}" for loss in self.losses),
        )


@dataclass(frozen=True)
class Answers:
    """When it is recorded which training examples each network classifies as labelled."""

    steps: tuple[Count, ...] = ()
    """after so many updates; empty: not recorded"""
    examples: Count = 1000
    """the first so many training examples"""

    def __post_init__(self) -> None:
        """Put steps in ascending order."""
        object.__setattr__(self, "steps", tuple(sorted(self.steps)))

    @property
    def asked(self) -> int:
        """How many examples are asked about; none without steps."""
        return self.examples if self.steps else 0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How networks are trained: what an experiment's options say as they stand, the same for all of an ensemble."""

    image_size: Count = 28
    """rows and columns after average pooling by a whole factor"""
    validation_examples: Count = 1000
    """clean examples that validation accuracy is measured on; left out: as data.validation_examples"""
    same_examples: bool = False
    """all networks see the training set of seed 0; initial weights and batch order differ"""
    own_class: bool = False
    """each training example is a class of its own; nothing is validated"""
    network: Annotated[str, Thing("nets")] = "mlp"
    """architecture: a thing of closerlook/nets"""
    network_options: dict[str, Any] = field(default_factory=dict)
    """options of the network, such as {depth: 4} of an mlp"""
    objective: Annotated[str, Thing("objectives")] = "cross_entropy"
    """what is minimised: a thing of closerlook/objectives"""
    optimizer: Annotated[str, Thing("optimizers")] = "sgd"
    """how parameters are updated: a thing of closerlook/optimizers"""
    regularizer_options: dict[str, dict[str, Any]] = field(default_factory=dict)
    """options of regularizers that have some besides their strength, such as {lass: {iterations: 2}}"""
    with_replacement: bool = False
    """whether each batch is drawn anew from all training examples, and not each example once an epoch"""
    batch_size_schedule: Schedule = field(default_factory=Schedule)
    """factors on the batch size"""
    learning_rate_schedule: Schedule = field(default_factory=Schedule)
    """factors on the learning rate"""
    epochs: Count
    """passes over the training set, at most"""
    after_fit: Epoch | None = None
    """epochs that a network trains on once every training example is right; null: until `epochs`"""
    evaluate_every: Count = 1
    """epochs between evaluations; what is first seen at an evaluation is dated by it"""
    answers: Answers = field(default_factory=Answers)
    """see below"""
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    """see below"""


@dataclass(frozen=True, kw_only=True)
class Ensemble(Recipe):
    """Networks that share tensor shapes and are trained in one job.

    `widths` are the sizes of the network's hidden layers. With `same_examples` all members see the examples and the
    noise of seed 0. With `with_replacement` an epoch is as many full batches as would hold all examples.
    """

    dataset: str
    examples: int
    widths: tuple[int, ...]
    batch_size: int
    members: tuple[Member, ...]

    def data_seed(self, member: Member) -> int:
        """Return the seed of the training set that a member sees."""
        return 0 if self.same_examples else member.seed

    def batch_size_in(self, epoch: int) -> int:
        """Return the batch size of a 0-based epoch; only its last batch may be smaller."""
        return max(1, round(self.batch_size * self.batch_size_schedule.factor(epoch)))

    def options_of(self, regularizer: str) -> Mapping[str, Any]:
        """Return what is set of a regularizer's options."""
        return self.regularizer_options.get(regularizer, {})

    @property
    def largest_batch(self) -> int:
        """The most examples of a batch; what regularizers add to it comes on top."""
        return min(self.examples, max(map(self.batch_size_in, range(self.epochs))))

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
        """The kinds of noise that its members need, real data first."""
        return tuple(sorted({member.noise for member in self.members}, key=lambda kind: (kind != REAL, kind)))

    @property
    def regularizers(self) -> tuple[str, ...]:
        """The regularizers that its members use, sorted."""
        return tuple(sorted({name for member in self.members for name in member.regularizers}))

    @property
    def factors(self) -> dict[str, list[Any]]:
        """What its members differ in, or may: every factor -> its values in the members' order."""
        own = {name: [getattr(member, name) for member in self.members] for name in FACTORS}
        return own | {name: [member.strength(name) for member in self.members] for name in self.regularizers}

    def to_json(self) -> str:
        """Return the specification as one line of JSON with sorted keys, without what is at its default."""
        return json.dumps(plain(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Ensemble:
        """Return the specification that `to_json` wrote.

        Raises
        ------
        ValueError
            If it lacks a field, has one that is not known here, or one of another type; the message names it.
        """
        return parsed(cls, json.loads(text))


def plain(value: Any) -> Any:
    """Return a dataclass as what JSON can hold, fields at their default left out."""
    if is_dataclass(value):
        entries = ((entry, getattr(value, entry.name)) for entry in fields(value))
        return {entry.name: plain(part) for entry, part in entries if not _is_default(entry, part)}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    return value


def _is_default(entry: Any, value: Any) -> bool:
    if entry.default_factory is not MISSING:
        return value == entry.default_factory()
    return entry.default is not MISSING and value == entry.default


def parsed(kind: Any, value: Any, place: str = "") -> Any:
    """Return a value of JSON as a type of this module: the inverse of `plain`.

    Raises
    ------
    ValueError
        If it does not fit the type, bounds aside; the message names the place in it.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return parsed(arguments[0], value, place)
    if origin in (Union, UnionType):
        return None if value is None and type(None) in arguments else parsed(arguments[0], value, place)
    if is_dataclass(kind):
        return _parsed_dataclass(kind, value, place)
    if origin is tuple and isinstance(value, list):
        return tuple(parsed(arguments[0], part, f"{place}[{number}]") for number, part in enumerate(value))
    if origin is dict and isinstance(value, dict):
        key_type, value_type = arguments
        return {parsed_key(key_type, key): parsed(value_type, part, f"{place}.{key}") for key, part in value.items()}
    if kind is Any:
        return value
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{place or 'it'} is {type(value).__name__}, not {getattr(kind, '__name__', kind)}")
    return value


def parsed_key(kind: Any, key: str) -> Any:
    """Return a key of a JSON object as the type that a mapping has."""
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return kind(key)


def _parsed_dataclass(kind: type, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{place or 'it'} is {type(value).__name__}, not a mapping")
    known = types_of(kind)
    if unknown := sorted(set(value) - set(known)):
        raise ValueError(f"{place or 'it'} has {unknown[0]}, which is not known here")
    if missing := [entry.name for entry in required(kind) if entry.name not in value]:
        raise ValueError(f"{place or 'it'} lacks {missing[0]}")
    return kind(**{name: parsed(known[name], part, f"{place}.{name}".lstrip(".")) for name, part in value.items()})


def required(kind: type) -> list[Any]:
    """Return the fields of a dataclass that have no default."""
    return [entry for entry in fields(kind) if entry.default is MISSING and entry.default_factory is MISSING]


@cache
def types_of(kind: type) -> dict[str, Any]:
    """Return the annotated type of every field of a dataclass."""
    return get_type_hints(kind, include_extras=True)
