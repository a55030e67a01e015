"""The small problem that things are tried on: a few images that a small network can learn, and how it is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from closerlook import nets
from closerlook.data.corruption import write_noise
from closerlook.data.fetching.sources import fetch_dataset
from closerlook.data.own import OwnDataSet, use
from closerlook.measures.job import Source
from closerlook.objectives import OBJECTIVES
from closerlook.spec import REAL, Checkpoints, Ensemble, Member
from closerlook.things import ThingError
from closerlook.training.job import run_training
from closerlook.training.stack import Problem
from closerlook.training.trainer import train_ensemble

NAME, CLASSES, SIDE, EXAMPLES = "conformance", 3, 8, 48


def hold(right: object, words: str) -> None:
    """Raise a `ThingError` with these words unless it is right."""
    if not right:
        raise ThingError(words)


def untried(needed: Sequence[Any]) -> str:
    """Return why a thing is not tried: options without a default."""
    return f"not tried: option {needed[0].name} has no default"


def images(examples: int, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """Return images (example, row, column) in [0, 1] that are a class's own and a little noise, and their labels."""
    generator = np.random.default_rng(0)
    own = generator.random((CLASSES, side, side))
    labels = np.arange(examples) % CLASSES
    return np.clip(own[labels] + generator.normal(0, 0.1, (examples, side, side)), 0, 1), labels


def small(members: tuple[Member, ...] = (Member(seed=1),), **options: Any) -> Ensemble:
    """Return what to train: an MLP by SGD for a few epochs, unless told otherwise."""
    values = {
        "dataset": NAME,
        "image_size": SIDE,
        "examples": EXAMPLES,
        "validation_examples": 12,
        "widths": (8, 6),
        "batch_size": 10,
        "epochs": 4,
        "checkpoints": Checkpoints(epochs=(0, 4)),
    }
    return Ensemble(**(values | options), members=members)


def train(spec: Ensemble) -> dict[str, np.ndarray]:
    """Return what a training of the small problem records, as the arrays of `trained.h5`."""
    inputs, labels = (torch.from_numpy(part) for part in images(EXAMPLES + 12, spec.image_size))
    inputs = (inputs.float() - 0.5).unsqueeze(1) * 2
    count = len(spec.members)
    problem = Problem(
        pool=inputs[:EXAMPLES],
        rows=torch.arange(EXAMPLES).repeat(count, 1),
        labels=labels[:EXAMPLES].repeat(count, 1),
        is_noise=torch.zeros(count, EXAMPLES, dtype=torch.bool),
        validation_inputs=inputs[EXAMPLES:],
        validation_labels=labels[EXAMPLES:],
        pixel=2.0,
    )
    network = nets.build(spec, inputs.shape[1:], CLASSES)
    return train_ensemble(spec, network, OBJECTIVES[spec.objective], problem).arrays()


def hold_training(spec: Ensemble) -> dict[str, np.ndarray]:
    """Train networks of seeds 1 and 2, together and the second alone; hold them to finite numbers and the same bits."""
    first = spec.members[0]
    second = replace(first, seed=2)
    both, again, alone = (
        train(replace(spec, members=members)) for members in ((first, second), (first, second), (second,))
    )
    for part, values in both.items():
        hold(np.array_equal(values, again[part], equal_nan=True), f"a second training gives another {part}")
        hold(
            np.array_equal(values[1:], alone[part], equal_nan=True), f"a network trained in company has another {part}"
        )
    hold(not both["diverged"].any(), "a small training diverges")
    return both


@contextmanager
def trained(spec: Ensemble) -> Iterator[tuple[Path, Source]]:
    """Train the small problem from its data set to `trained.h5`, in a folder that is gone in the end."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        inputs, labels = images(2 * EXAMPLES)
        np.savez(folder / "images.npz", images=inputs, labels=labels)
        use({NAME: OwnDataSet(file="images.npz", training=EXAMPLES)}, folder, folder / "own.json")
        try:
            data, noise, output = (folder / f"{file}.h5" for file in ("data", REAL, "trained"))
            fetch_dataset(NAME, data, log=_silent)
            write_noise(data, noise, noise=REAL, image_size=SIDE, examples=spec.examples, seeds=3)
            run_training(spec, data, {REAL: noise}, output, log=_silent)
            yield folder, Source(trained=output, data=data, noise={REAL: noise}, spec=spec)
        finally:
            use({})


def _silent(line: str) -> None:
    """Say nothing."""
