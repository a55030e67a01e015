"""The papers' architectures, one module each, behind one interface (`closerlook.nets.network.Network`)."""

from __future__ import annotations

from closerlook.nets.alexnet import SmallAlexNet
from closerlook.nets.mlp import MLP
from closerlook.nets.network import Network
from closerlook.spec import Ensemble

ARCHITECTURES = {"mlp": MLP, "alexnet": SmallAlexNet}
"""Every class takes (input_shape, widths, classes)."""


def build(spec: Ensemble, input_shape: tuple[int, ...], classes: int) -> Network:
    """Return the network that an ensemble's members share.

    Raises
    ------
    ValueError
        If there is no such architecture, or its batch norm would see a batch of a single example.
    """
    if spec.network not in ARCHITECTURES:
        raise ValueError(f"no network {spec.network!r}; there are: {', '.join(ARCHITECTURES)}")
    network = ARCHITECTURES[spec.network](input_shape, spec.widths, classes)
    if network.statistics:
        _refuse_single_examples(spec)
    return network


def _refuse_single_examples(spec: Ensemble) -> None:
    """Raise where an epoch has a batch of one example: it has no variance."""
    for size in sorted(set(map(spec.batch_size_in, range(spec.epochs)))):
        last = size if spec.with_replacement else spec.examples % size or size
        if min(size, last) == 1:
            raise ValueError(
                f"{spec.network}: {spec.examples} examples in batches of {size} leave one of a single example; "
                "batch norm needs two, so choose other examples or another batch_size"
            )
