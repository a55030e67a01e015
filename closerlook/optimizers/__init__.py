"""The room of optimisers: a file each, which says how a stack's parameters are updated and what that takes.

A stack holds members that agree in all factors named in `alike`; in their learning rates they may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from closerlook.spec import Member
from closerlook.things import Room

if TYPE_CHECKING:
    from torch import Tensor

Gradient = Callable[[Mapping[str, "Tensor"], float], None]
"""``gradient(into, keep)`` sets ``into = keep * into + scale * gradient`` of the loss of the step's batch at the
present parameters, for the tensors (member, *shape) of all that is trained; it may be called several times a step."""


class Updates(Protocol):
    """An optimiser at work on a stack.

    Attributes
    ----------
    state : dict of str to Tensor
        What it remembers from step to step, by name, the member first. The stack drops the members that are done from
        it, and resume files carry it.
    scale : Tensor, (member,)
        What the loss is multiplied by before it is differentiated: the learning rates, for those that sum steps.
    """

    state: dict[str, Tensor]
    scale: Tensor

    def begin_epoch(self, members: Sequence[Member], factor: float, before: float) -> None:
        """Take over the members that are left, and the factor on their learning rates; `before` it was another."""

    def step(self, parameters: Mapping[str, Tensor], gradient: Gradient) -> None:
        """Change the parameters, views by name of what is trained, in place."""


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """The light side of an optimiser.

    Attributes
    ----------
    words : str
        What it is called in texts.
    start : callable
        Makes the `Updates` of a stack from its parameters, views by name of what is trained.
    alike : tuple of str
        Factors of a member that all of a stack must share.
    state : int
        Numbers that it remembers for each parameter.
    passes : int
        Gradients a step.
    plain_without : tuple of str, optional
        Factors of a member without which a step is its learning rate times the gradient of its batch, and nothing else;
        None: it never is. Derivatives through many updates are known for such steps only.
    """

    words: str
    start: Callable[[Mapping[str, Tensor]], Updates]
    alike: tuple[str, ...] = ()
    state: int = 1
    passes: int = 1
    plain_without: tuple[str, ...] | None = None


OPTIMIZERS = Room(__name__, "optimizer", "optimizer")
