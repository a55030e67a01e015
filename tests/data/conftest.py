"""A small data set in the 'data' layout, and the shared test material where there is some."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from closerlook import store

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
TRAINING, VALIDATION = 2400, 300


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip("no shared test material beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def small_data(tmp_path_factory) -> Path:
    """2400 + 300 + 10 images of 2 channels x 4 x 4 and 10 classes; every pixel has moments of its own, one is dead."""
    rng = np.random.default_rng(0)
    count = TRAINING + VALIDATION
    mean, spread = rng.uniform(40, 200, (2, 4, 4)), rng.uniform(5, 60, (2, 4, 4))
    images = np.clip(rng.normal(mean, spread, (count, 2, 4, 4)), 0, 255).astype(np.uint8)
    images[:, 0, 0, :2] = images[:, 0, 1, :2] = 0  # one dead square, so that pooling by 2 leaves a dead pixel
    labels = rng.integers(10, size=count).astype(np.uint8)
    arrays = {"train/images": images, "train/labels": labels, "test/images": images[:10], "test/labels": labels[:10]}
    path = tmp_path_factory.mktemp("data") / "small.h5"
    with store.create(path, "data") as file:
        for part, array in arrays.items():
            file[part] = array
        sums = {part: hashlib.sha256(array.tobytes()).hexdigest() for part, array in arrays.items()}
        store.write_attributes(
            file, name="small", licence="none", source="made up", sha256=json.dumps(sums), training=TRAINING, classes=10
        )
    return path
