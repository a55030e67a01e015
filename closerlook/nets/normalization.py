"""Batch normalisation (Ioffe and Szegedy, 2015) of one member's activations, with the conventions of PyTorch.

In training an activation is normalised with the mean and variance of its batch, and running ones move towards these;
elsewhere with the running ones, so that an output depends on its own example alone. The running ones are no trained
parameters, but they lie among them (`closerlook.nets.architecture.normalized` declares them).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

MOMENTUM, EPSILON = 0.1, 1e-5
"""Weight of the newest batch in the running statistics, and what is added to a variance. PyTorch's; not in the papers.
Keras, which the authors used, had 0.01 and 1e-3: its running statistics lag a hundred steps behind."""


def normalize(parameters: Mapping[str, Tensor], layer: int, activation: Tensor, training: bool) -> Tensor:
    """Return the normalised activation (batch, channel, ...) of one member.

    In training `parameters` are changed: the running statistics of the layer move, the variance by its unbiased
    estimate. That takes two values a channel, or PyTorch raises a ValueError; `closerlook.nets.build` refuses ensembles
    in which this could happen.
    """
    return functional.batch_norm(
        activation,
        parameters[f"running_mean{layer}"],
        parameters[f"running_variance{layer}"],
        parameters[f"scale{layer}"],
        parameters[f"shift{layer}"],
        training,
        MOMENTUM,
        EPSILON,
    )
