"""The papers' architectures, one module each, behind one interface (`closerlook.nets.network.Network`)."""

from __future__ import annotations

from closerlook.nets.mlp import MLP
from closerlook.nets.network import Network
from closerlook.spec import Ensemble

ARCHITECTURES = {"mlp": MLP}
"""Every class takes (input_shape, widths, classes)."""


def build(spec: Ensemble, input_shape: tuple[int, ...], classes: int) -> Network:
    """Return the network that an ensemble's members share.

    Raises
    ------
    ValueError
        If there is no such architecture.
    """
    if spec.network not in ARCHITECTURES:
        raise ValueError(f"no network {spec.network!r}; there are: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[spec.network](input_shape, spec.widths, classes)
