"""The official training split at an image size: pooled exactly, with its statistics, scaled and standardised."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Integer, UInt8

from closerlook import store
from closerlook.data.sets import SETS, DataError

_CHUNK = 512  # images converted at a time: they stay in the cache, and no second copy of a data set is ever in memory


@dataclass(frozen=True)
class TrainingSplit:
    """The official training split of a data set: examples before `training` train, those from it on validate."""

    name: str
    images: UInt8[np.ndarray, "example channel row column"]
    labels: UInt8[np.ndarray, " example"]
    training: int
    classes: int
    sha256: str

    @property
    def validation(self) -> int:
        """The number of validation examples, the last ones of the split."""
        return len(self.labels) - self.training


def read_training_split(data: Path) -> TrainingSplit:
    """Return the official training split in a 'data' file, after comparing its arrays with the sums that it carries.

    `sha256` of the result is one sum for the data set's content, whichever source it came from.

    Raises
    ------
    StoreError
        If the file is not a 'data' file, or its arrays are not those that were written.
    """
    with store.read(data, "data") as file:
        images, labels = file["train/images"][:], file["train/labels"][:]
        sums = json.loads(file.attrs["sha256"])
        missing = [name for name in ("training", "classes") if name not in file.attrs]
        if missing:
            raise store.StoreError(f"{data}: lacks the attribute {missing[0]}; delete it and run again")
        name, training, classes = file.attrs["name"], int(file.attrs["training"]), int(file.attrs["classes"])
    # Cheap (a tenth of a second for MNIST) beside a training run on pixels that a disk has damaged.
    for part, array in (("train/images", images), ("train/labels", labels)):
        if hashlib.sha256(array).hexdigest() != sums.get(part):
            raise store.StoreError(f"{data}: {part} is damaged (SHA-256 differs); delete it and run again")
        # Its own sums could have been changed with it; the published ones are ours.
        if name in SETS and SETS[name].sha256.get(part, sums[part]) != sums[part]:
            raise store.StoreError(
                f"{data}: {part} is not that of the official {SETS[name].title}; delete it and run again"
            )
    content = hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()
    return TrainingSplit(name, images, labels, training, classes, content)


def pooled_sums(
    images: UInt8[np.ndarray, "example channel row column"], pooling: int
) -> Integer[np.ndarray, "example channel size size"]:
    """Return the sums over squares of `pooling` x `pooling` pixels: average pooling before the division, so exact."""
    if pooling == 1:
        return images
    count, channels, rows, columns = images.shape
    sums = np.zeros((count, channels, rows // pooling, columns // pooling), np.uint32)
    for row in range(pooling):  # eight times as fast as a sum over axes this short
        for column in range(pooling):
            sums += images[:, :, row::pooling, column::pooling]
    return sums


@dataclass(frozen=True)
class Statistics:
    """Of a training part: mean and standard deviation of pixel values in [0, 1], per pixel and over all; classes."""

    pixel_mean: Float64[np.ndarray, "channel size size"]
    pixel_std: Float64[np.ndarray, "channel size size"]
    mean: float
    std: float
    classes: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an input: (channel, row, column)."""
        return self.pixel_mean.shape


def pixel_statistics(images: UInt8[np.ndarray, "example channel row column"], pooling: int, classes: int) -> Statistics:
    """Return the statistics of the images of so many classes, pooled by `pooling`, from sums of integers.

    Integer sums do not depend on the order of addition, so every machine gets the same bits.
    """
    unit, count = 255 * pooling**2, len(images)
    first = np.zeros((images.shape[1], images.shape[2] // pooling, images.shape[3] // pooling), np.int64)
    second = first.copy()
    for start in range(0, count, _CHUNK):
        sums = pooled_sums(images[start : start + _CHUNK], pooling).astype(np.int64)
        first += sums.sum(axis=0)
        second += (sums**2).sum(axis=0)
    mean = first / count
    variance = np.maximum(second / count - mean**2, 0.0)
    total = count * first.size
    overall = int(first.sum()) / total
    spread = max(int(second.sum()) / total - overall**2, 0.0) ** 0.5
    if spread == 0.0:
        raise DataError("the training images are all one grey: they have no standard deviation to divide by")
    return Statistics(mean / unit, np.sqrt(variance) / unit, overall / unit, spread / unit, classes)


def standardise(values: Float32[np.ndarray, "..."], mean: float, std: float) -> None:
    """Change pixel values in [0, 1] to ``(value - mean) / std``, in place."""
    values -= np.float32(mean)
    values /= np.float32(std)


def fill_scaled(
    out: Float32[np.ndarray, "chosen channel size size"],
    images: UInt8[np.ndarray, "example channel row column"],
    index: Integer[np.ndarray, " chosen"],
    pooling: int,
) -> None:
    """Write the examples `index` of `images` into `out`: pooled, scaled to [0, 1]."""
    for start in range(0, len(index), _CHUNK):
        block = out[start : start + _CHUNK]
        block[:] = pooled_sums(images[index[start : start + _CHUNK]], pooling)
        block /= np.float32(255 * pooling**2)
