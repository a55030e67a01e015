"""What a network and its examples must be like for a derivative to be asked of them: refused in one line otherwise."""

from __future__ import annotations

import torch
from torch import Tensor

from closerlook.nets.network import Network


def require_problem(network: Network, parameters: Tensor, inputs: Tensor, labels: Tensor) -> None:
    """Refuse what would end in an obscure error, or in a number that means nothing.

    Parameters
    ----------
    network
        It is asked about one example.
    parameters, inputs, labels : Tensor
        (member, parameter), (member, batch, *site) and (member, batch).

    Raises
    ------
    ValueError
        If there is no example, inputs are no real numbers, the network does not answer with (member, class, batch), or
        a label is none of its classes.
    """
    if not labels.numel():
        raise ValueError("there is no example")
    if not inputs.is_floating_point():
        raise ValueError(
            f"inputs are {str(inputs.dtype).removeprefix('torch.')}, which have no derivative; for a network that "
            "begins with an embedding give what the embedding returns"
        )
    if parameters.shape[1] != network.size:
        raise ValueError(f"there are {parameters.shape[1]} parameters a member, and the network has {network.size}")
    outputs = _answer(network, parameters[:1], inputs[:1, :1])
    if not isinstance(outputs, Tensor):
        raise ValueError(
            f"the network answers with a {type(outputs).__name__}; let it return the tensor of outputs alone"
        )
    if outputs.dim() != 3 or (outputs.shape[0], outputs.shape[2]) != (1, 1):
        raise ValueError(
            f"for one example the network's outputs are of shape {tuple(outputs.shape)}, not (member, class, batch)"
        )
    require_labels(labels, outputs.shape[1])


def require_labels(labels: Tensor, classes: int) -> None:
    """Raise `ValueError` if a label is none of so many classes; one that stands for "ignore", as -100 does, is none."""
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ValueError(f"labels are {str(labels.dtype).removeprefix('torch.')}; they must be whole numbers")
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise ValueError(f"label {wrong[0].item()} is none of the {classes} classes, 0 to {classes - 1}")


def _answer(network: Network, parameters: Tensor, inputs: Tensor) -> object:
    try:
        return network.forward(parameters, inputs)[0]
    except Exception as error:  # whatever somebody's network raises
        words = str(error).splitlines()[0] if str(error) else ""
        raise ValueError(f"the network fails on one example ({type(error).__name__}: {words})") from error
