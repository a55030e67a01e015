"""Small training problems for the tests of the trainer."""

import torch

from closerlook.spec import Ensemble, Member
from closerlook.training.stack import Problem

CLASSES, SIDE = 3, 4


def problem(members, examples=24, seed=0, is_noise=None):
    """Return examples that a linear teacher labels, so that a small network can fit them, the same for all members."""
    generator = torch.Generator().manual_seed(seed)
    pool = torch.randn(examples, 1, SIDE, SIDE, generator=generator)
    teacher = torch.randn(SIDE * SIDE, CLASSES, generator=generator)
    labels = (pool.flatten(1) @ teacher).argmax(1)
    return Problem(
        pool=pool,
        rows=torch.arange(examples).repeat(members, 1),
        labels=labels.repeat(members, 1),
        is_noise=torch.zeros(members, examples, dtype=torch.bool) if is_noise is None else is_noise,
        validation_inputs=torch.randn(10, 1, SIDE, SIDE, generator=generator),
        validation_labels=torch.randint(CLASSES, (10,), generator=generator),
        pixel=2.0,
    )


def spec(*members, **options):
    """Return an ensemble of small MLPs on such a problem."""
    values = {
        "dataset": "mnist",
        "image_size": SIDE,
        "examples": 24,
        "validation_examples": 10,
        "network": "mlp",
        "widths": (8, 6),
        "batch_size": 5,
        "epochs": 4,
        "members": members or (Member(),),
    }
    return Ensemble(**(values | options))
