"""A trained.h5 of any specification in which nothing was measured but what a test gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from closerlook import store
from closerlook.spec import Ensemble
from closerlook.training.record import HISTORIES


def write_trained(path: Path, spec: Ensemble, parts: dict[str, np.ndarray], diverged: object = False) -> Path:
    """Write empty histories, `diverged` (one value or one per member), and the further `parts` by name."""
    count = len(spec.members)
    with store.create(path, "trained") as file:
        store.write_attributes(file, spec=spec.to_json(), versions="{}", device="cpu")
        store.write_members(file.create_group("members"), spec)
        for name in HISTORIES:
            file[f"history/{name}"] = np.full((count, spec.epochs), np.nan, np.float32)
        file["outcome/diverged"] = np.broadcast_to(diverged, count)
        file["outcome/fit_epoch"] = np.full(count, np.nan, np.float32)
        file["outcome/epochs"] = np.full(count, spec.epochs, np.int32)
        file.create_group("checkpoints")
        for name, values in parts.items():
            file[name] = values
    return path
