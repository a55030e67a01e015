"""The room of networks: a folder each, whose light side declares the layers (`network`) and whose `run.py` computes.

`build` in `run.py` is a class behind the interface of `closerlook.nets.network`; the rest of this package's modules are
what networks share.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from closerlook.nets.architecture import Structure
from closerlook.spec import Ensemble, parsed
from closerlook.things import Room

if TYPE_CHECKING:
    from closerlook.nets.network import Network

NETS = Room(__name__, "network", "network", aside=("architecture", "network", "normalization"))


def structure(spec: Ensemble, input_shape: tuple[int, ...], classes: int) -> Structure:
    """Return what the network that an ensemble's members share amounts to, without importing what computes it.

    Raises
    ------
    ValueError
        If there is no such network; the message is one line.
    """
    return NETS[spec.network].structure(input_shape, spec.widths, classes, _options(spec))


def widths(network: str, width: int, options: Any) -> tuple[int, ...]:
    """Return the sizes of the hidden layers that the option `width` of an experiment stands for."""
    return NETS[network].widths(width, options)


def remembers(network: str, size: int, width: int, options: Any) -> bool:
    """Return whether a network has statistics of past batches, such as batch norm's, for images of `size` pixels."""
    architecture = NETS[network]
    return bool(architecture.structure((1, size, size), architecture.widths(width, options), 10, options).statistics)


def problems(spec: Ensemble, input_shape: tuple[int, ...], classes: int) -> Iterator[str]:
    """Yield why an ensemble's network cannot be trained, in one line each that begins with the option to change."""
    try:
        statistics = structure(spec, input_shape, classes).statistics
    except ValueError as error:
        yield str(error)
        return
    if statistics:  # a batch of one example has no variance
        for size in sorted(set(map(spec.batch_size_in, range(spec.epochs)))):
            last = size if spec.with_replacement else spec.examples % size or size
            if min(size, last) == 1:
                yield f"batch_size: {spec.examples} examples in batches of {size} leave one alone; batch norm needs two"


def build(spec: Ensemble, input_shape: tuple[int, ...], classes: int) -> Network:
    """Return the network that an ensemble's members share.

    Raises
    ------
    ValueError
        If there is no such network, or it cannot be trained so; the message is one line.
    """
    for problem in problems(spec, input_shape, classes):
        raise ValueError(problem)
    return NETS.run(spec.network).build(input_shape, spec.widths, classes, _options(spec))


def _options(spec: Ensemble) -> Any:
    return parsed(NETS[spec.network].options, spec.network_options, "network_options")
