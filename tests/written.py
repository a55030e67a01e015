"""Made-up results, written as the workflow writes them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from closerlook import store
from closerlook.spec import Checkpoints, Ensemble, Member

HISTORIES = (
    "train_loss", "train_accuracy", "train_accuracy_clean", "train_accuracy_noise", "validation_loss",
    "validation_accuracy",
)  # fmt: skip


def write_learning(
    file: h5py.File, epochs: int, diverged: object, fit_epoch: object = np.nan, **histories: object
) -> None:
    """Write the histories (NaN where none are given) and outcomes of a trained.h5; `diverged` has an entry a member."""
    count = len(diverged)
    for name in HISTORIES:
        values = np.asarray(histories.get(name, np.nan), dtype=np.float32)
        column = values.reshape(-1, 1) if values.ndim == 1 else values
        file[f"history/{name}"] = np.broadcast_to(column, (count, epochs))
    file["outcome/diverged"] = np.asarray(diverged, bool)
    file["outcome/fit_epoch"] = np.broadcast_to(np.asarray(fit_epoch, np.float32), count)
    file["outcome/epochs"] = np.full(count, epochs, np.int32)


@pytest.fixture
def members() -> Callable[..., tuple[Member, ...]]:
    """Every seed at every level of every noise kind, in that order of nesting: noise, seed, level."""

    def stack(seeds: int, noises: dict[str, tuple[float, ...]], **factors: float) -> tuple[Member, ...]:
        return tuple(
            Member(seed=seed, noise=noise, level=level, **factors)
            for (noise, levels), seed in itertools.product(noises.items(), range(seeds))
            for level in levels
        )

    return stack


@pytest.fixture
def ensemble() -> Callable[..., Ensemble]:
    """Return a small ensemble; whatever matters to a test is given by it."""

    def make(**given: object) -> Ensemble:
        usual = {
            "dataset": "mnist", "image_size": 14, "examples": 100, "validation_examples": 20, "network": "mlp",
            "widths": (16, 16), "batch_size": 32, "epochs": 4, "members": (Member(),),
        }  # fmt: skip
        return Ensemble(**(usual | given))

    return make


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., Path]:
    """Write a trained.h5 whose numbers are given per member, and return its path."""

    def write(
        stack: tuple[Member, ...],
        *,
        dataset: str = "mnist",
        examples: int = 1000,
        width: int = 128,
        epochs: int = 4,
        train_accuracy: object = 1.0,
        validation_accuracy: object = 0.9,
        fit_epoch: object = 3.0,
        diverged: object = False,
        checkpoints: Checkpoints | None = None,
        batch_size: int = 32,
        folder: Path | None = None,
    ) -> Path:
        spec = Ensemble(
            dataset=dataset, image_size=14, examples=examples, validation_examples=100, network="mlp",
            widths=(width, width), batch_size=batch_size, epochs=epochs, members=stack,
            checkpoints=checkpoints or Checkpoints(),
        )  # fmt: skip
        path = (folder or tmp_path / "runs") / spec.name / "trained.h5"
        given = {"train_accuracy": train_accuracy, "validation_accuracy": validation_accuracy}
        with store.create(path, "trained") as file:
            store.write_attributes(file, spec=spec.to_json(), versions="{}", device="cpu")
            store.write_members(file.create_group("members"), spec)
            write_learning(file, epochs, np.broadcast_to(diverged, len(stack)), fit_epoch, **given)
            file.create_group("checkpoints")
        return path

    return write


@pytest.fixture
def curve() -> Callable[..., Path]:
    """Write a curvature.h5 beside a trained.h5: checkpoint -> number -> per member."""

    def write(trained: Path, checkpoints: dict[str, dict[str, object]]) -> Path:
        with store.read(trained, "trained") as file:
            count = len(file["members/seed"])
        with store.create(trained.with_name("curvature.h5"), "curvature") as file:
            store.write_attributes(file, spec="{}", settings=json.dumps({}), versions="{}", device="cpu")
            for checkpoint, values in checkpoints.items():
                usual = dict.fromkeys(
                    (
                        "largest_eigenvalue",
                        "residual",
                        "trace",
                        "trace_stderr",
                        "frobenius",
                        "frobenius_stderr",
                        "loss",
                    ),
                    0.5,
                )
                for name, value in {**usual, "converged": True, "products": 10, **values}.items():
                    file[f"{checkpoint}/{name}"] = np.broadcast_to(value, count)
        return trained.with_name("curvature.h5")

    return write
