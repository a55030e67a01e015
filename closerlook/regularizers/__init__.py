"""The room of regularisers, what makes memorization harder: a file each, with its words, its look and what it does.

A regulariser may act in three places: it perturbs what layers see (`perturbs`), changes the batch that a step is taken
on (`changes`), or adds to the gradient (`adds`). Strengths are per member; a stack holds members that use the same
regularisers, so that nobody pays for a neighbour's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from closerlook.spec import Ensemble, parsed
from closerlook.things import Look, Room

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 16
"""Steps whose random numbers are drawn at once: fewer, larger calls, and the block is part of a member's stream."""

BLOCK_NUMBERS = 2**24
"""Random numbers that a block may hold of one member and regulariser; maps of large images make it shorter."""


@dataclass(frozen=True, kw_only=True)
class Perturbs:
    """What a regulariser multiplies or shifts the activations of a step with.

    `scale` or `shift` makes factors or summands of fresh random numbers and each member's strength, which may be
    broadcast against them; the numbers are there to be written over.
    """

    site: Literal["inputs", "hidden"]
    draws: Literal["uniform", "normal"]
    scale: Callable[[Tensor, Tensor], Tensor] | None = None
    shift: Callable[[Tensor, Tensor], Tensor] | None = None


@dataclass(frozen=True, kw_only=True)
class Regularizer:
    """A regulariser: what is said of it, what it costs, and what it does.

    Attributes
    ----------
    words : str
        What it is called in figures and texts.
    strength : type
        Of its strength, with bounds; 0 is off.
    meaning : str
        What the strength is.
    look : Look
        How figures draw it.
    options : type, optional
        A frozen dataclass of what it has besides its strength, with bounds and a docstring for each.
    perturbs : Perturbs, optional
        What layers see in a training step instead of their inputs.
    changes : callable, optional
        Called at the begin of an epoch with a `closerlook.regularizers.setting.Setting`; returns a function
        ``(parameters (member, parameter), Batch) -> Batch`` that each step's batch goes through.
    adds : callable, optional
        Called likewise; returns a function ``(parameters, gradient)`` of tensors (member, *shape) by name that adds
        `Setting.scale` times its own gradient to the other's.
    growth : int
        How many times as many examples a step has.
    work : callable
        Operations a weight and example that `changes` takes, told the options.
    """

    words: str
    strength: Any
    meaning: str
    look: Look
    options: type | None = None
    perturbs: Perturbs | None = None
    changes: Callable[[Any], Callable[[Tensor, Any], Any]] | None = None
    adds: Callable[[Any], Callable[[Any, Any], None]] | None = None
    growth: int = 1
    work: Callable[[Any], float] = lambda options: 0.0


REGULARIZERS = Room(__name__, "regularizer", "regularizer", aside=("perturbations", "setting"))


def options_of(spec: Ensemble, name: str) -> Any:
    """Return the options with which an ensemble uses a regulariser; None where it has none.

    Raises
    ------
    ValueError
        If there is no such regulariser, or its options are others; the message is one line.
    """
    kind, given = REGULARIZERS[name].options, dict(spec.options_of(name))
    return parsed(kind, given, f"regularizer_options.{name}") if kind else None
