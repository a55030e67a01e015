"""Softmax cross-entropy against class labels."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional


class CrossEntropy:
    """Softmax cross-entropy against class labels."""

    def losses(
        self, outputs: Float[Tensor, "member class batch"], targets: Int[Tensor, "member batch"]
    ) -> Float[Tensor, "member batch"]:
        """Return each example's loss in nats."""
        return functional.cross_entropy(outputs, targets, reduction="none")

    def gradient(
        self, outputs: Float[Tensor, "member class batch"], targets: Int[Tensor, "member batch"]
    ) -> Float[Tensor, "member class batch"]:
        """Return softmax minus one-hot."""
        gradient = outputs.softmax(dim=1)
        classes = torch.arange(outputs.shape[1], device=outputs.device).unsqueeze(1)
        return gradient.sub_((targets.unsqueeze(1) == classes).to(gradient.dtype))

    def hessian_product(
        self,
        outputs: Float[Tensor, "#member class batch"],
        targets: Int[Tensor, "#member batch"],
        directions: Float[Tensor, "member class batch"],
    ) -> Float[Tensor, "member class batch"]:
        """Return (diag(p) - p pᵀ) applied to the directions; it does not depend on the targets.

        One member's outputs may stand for all: the directions are then several of that member.
        """
        probabilities = outputs.softmax(dim=1)
        scaled = probabilities * directions
        return scaled - probabilities * scaled.sum(dim=1, keepdim=True)

    def correct(
        self, outputs: Float[Tensor, "member class batch"], targets: Int[Tensor, "member batch"]
    ) -> torch.BoolTensor:
        """Return which examples have their label as the largest output, shape (member, batch)."""
        return outputs.max(dim=1).indices == targets  # argmax, several times as fast


objective = CrossEntropy()
