"""-log(0.1 + p), p the label's probability, over the number of classes: what the original script minimises."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

OFFSET = 0.1
"""What *A Closer Look at Memorization* adds to the probability in its sensitivity runs (original script)."""


class OffsetLikelihood:
    """-log(0.1 + p) of the true class's softmax probability p, divided by the number of classes.

    The original script of B-Figs 3 and 4 minimises this and not the cross-entropy: bounded, and an example that the
    network has given up on (p near 0) hardly pulls. Written so that examples which fit almost perfectly keep their
    relative precision in float32, where p - 1 has none left: sensitivities are mostly about such examples.
    """

    def losses(
        self, outputs: Float[Tensor, "member class batch"], targets: Int[Tensor, "member batch"]
    ) -> Float[Tensor, "member batch"]:
        """Return each example's loss, between -log(1.1)/classes and -log(0.1)/classes."""
        labelled = outputs.softmax(dim=1).gather(1, targets.unsqueeze(1)).squeeze(1)
        return -(OFFSET + labelled).log() / outputs.shape[1]

    def gradient(
        self, outputs: Float[Tensor, "member class batch"], targets: Int[Tensor, "member batch"]
    ) -> Float[Tensor, "member class batch"]:
        """Return p/(0.1 + p) (softmax - one-hot) / classes."""
        labels = targets.unsqueeze(1)
        probabilities = outputs.softmax(dim=1)
        labelled = probabilities.gather(1, labels)
        residual = _residual(probabilities, labels)
        return residual.mul_(labelled / (OFFSET + labelled) / outputs.shape[1])

    def hessian_product(
        self,
        outputs: Float[Tensor, "#member class batch"],
        targets: Int[Tensor, "#member batch"],
        directions: Float[Tensor, "member class batch"],
    ) -> Float[Tensor, "member class batch"]:
        """Return the derivative of `gradient` along the directions; one member's outputs may stand for all."""
        labels = targets.unsqueeze(1)
        probabilities = outputs.softmax(dim=1)
        labelled = probabilities.gather(1, labels)
        curved = _residual(probabilities, labels).mul_(-OFFSET * labelled / (OFFSET + labelled).square())
        weighted = probabilities * (labelled / (OFFSET + labelled))
        # Softmax does not see a common shift of the outputs; without the label's, nothing cancels.
        shifted = directions - directions.gather(1, labels.expand(len(directions), -1, -1))
        mean = (probabilities * shifted).sum(dim=1, keepdim=True)
        product = shifted.mul_(weighted / outputs.shape[1])
        return product.addcmul_(mean, (curved - weighted) / outputs.shape[1])

    def correct(
        self, outputs: Float[Tensor, "member class batch"], targets: Int[Tensor, "member batch"]
    ) -> torch.BoolTensor:
        """Return which examples have their label as the largest output, shape (member, batch)."""
        return outputs.max(dim=1).indices == targets  # argmax, several times as fast


def _residual(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return softmax minus one-hot, its entry at the label as minus the sum of the others."""
    others = probabilities.scatter(1, labels, 0.0)
    return others.scatter(1, labels, -others.sum(dim=1, keepdim=True))


objective = OffsetLikelihood()
