"""Which things a training run uses: what its code is besides the trainer's own."""

from __future__ import annotations

from closerlook.nets import NETS
from closerlook.objectives import OBJECTIVES
from closerlook.optimizers import OPTIMIZERS
from closerlook.regularizers import REGULARIZERS
from closerlook.spec import Ensemble


def modules_of(spec: Ensemble) -> tuple[str, ...]:
    """Return the dotted names of the modules of an ensemble's network, objective, optimiser and regularisers.

    Raises
    ------
    closerlook.things.ThingError
        If one of them is not there.
    """
    used = [(NETS, spec.network), (OBJECTIVES, spec.objective), (OPTIMIZERS, spec.optimizer)]
    used += [(REGULARIZERS, name) for name in spec.regularizers]
    return tuple(module for room, name in used for module in room.modules(name))
