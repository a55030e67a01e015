"""Corrupted training sets: which examples, in which order they are corrupted, and with what.

The papers replace a share of the training examples by noise, in the input or in the label, and leave the validation set
clean (Krueger et al. 2017; Arpit et al. 2017). One file holds one kind of noise at every level: the examples
have ranks, and at level L those with ``rank < corrupted_count(L, examples)`` are the corrupted ones. Levels are
therefore nested (a higher one corrupts the same examples and more) and their counts exact.
"""

from __future__ import annotations

import hashlib
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float32, Int32

from closerlook import store
from closerlook.data.images import Statistics, TrainingSplit, pixel_statistics, read_training_split
from closerlook.data.sets import DataError, pooling_factor
from closerlook.spec import NOISE_KINDS

INPUT_NOISE = ("randX", "randXg", "randXu")
"""The kinds of noise that replace inputs and keep labels."""

CONVENTIONS = {
    "none": "nothing is corrupted",
    "randX": "a corrupted input is Gaussian, independent per pixel, with that pixel's mean and standard deviation over "
    "the training part, in [0, 1] units, not clipped; its label is kept",
    "randXg": "a corrupted input is Gaussian, independent per pixel, with one mean and standard deviation over all "
    "pixels of the training part, in [0, 1] units, not clipped; its label is kept",
    "randXu": "a corrupted input is uniform on [0, 1], independent per pixel; its label is kept",
    "randY": "a corrupted label is uniform over all classes, so it may equal the true one; its input is kept",
}


def corrupted_count(level: float, examples: int) -> int:
    """Return how many of `examples` are corrupted at `level` in [0, 1]: their product, halves rounded up.

    The product is that of the decimal number as written, so 0.145 of 100 gives 15, whatever its binary form is.

    Raises
    ------
    DataError
        If `level` is not between 0 and 1.
    """
    if not 0.0 <= level <= 1.0:
        raise DataError(f"level: {level} is not between 0 and 1")
    return int((Decimal(repr(float(level))) * examples).to_integral_value(ROUND_HALF_UP))


def generator(*names: str | int) -> np.random.Generator:
    """Return the random generator that belongs to these names: the same on every machine, independent between names."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(digest, "big")))


def training_index(dataset: str, training: int, examples: int, seed: int) -> Int32[np.ndarray, " example"]:
    """Return which examples of the training part a seed trains on, in ascending order.

    Neither the kind of noise nor the image size enters: a comparison between them is one on the same examples.
    """
    chosen = generator("subset", dataset, examples, seed).permutation(training)[:examples]
    return np.sort(chosen).astype(np.int32)


def validation_index(split: TrainingSplit, validation_examples: int) -> Int32[np.ndarray, " example"]:
    """Return which examples of the official training split validate, ascending; the same for all seeds and noises."""
    chosen = generator("validation", split.name, validation_examples).permutation(split.validation)
    return np.sort(chosen[:validation_examples] + split.training).astype(np.int32)


def noise_inputs(
    rng: np.random.Generator, kind: str, examples: int, statistics: Statistics
) -> Float32[np.ndarray, "example channel size size"]:
    """Return inputs of a `kind` of noise in [0, 1] pixel units.

    randX matches each pixel's moments, randXg the overall ones; randXu is uniform, as the original script for loss
    sensitivity in *A Closer Look at Memorization* drew it. They are different problems: under randX a pixel that is
    always black stays black, under the others it carries noise.
    """
    if kind == "randXu":
        return rng.random((examples, *statistics.pixel_mean.shape), np.float32)
    values = rng.standard_normal((examples, *statistics.pixel_mean.shape), np.float32)
    per_pixel = kind == "randX"
    values *= (statistics.pixel_std if per_pixel else np.asarray(statistics.std)).astype(np.float32)
    values += (statistics.pixel_mean if per_pixel else np.asarray(statistics.mean)).astype(np.float32)
    return values


def write_noise(
    data: Path,
    output: Path,
    *,
    image_size: int,
    examples: int,
    validation_examples: int,
    noise: str,
    seeds: int,
) -> None:
    """Write the 'noise' file of one kind of noise, for every level and for the seeds 0 to `seeds` - 1.

    Each group ``seed-<s>`` has `index` int32 (example), a position in the official training split; `true_labels` uint8
    (example); `rank` int32 (example), a random permutation: at level L the examples with
    ``rank < corrupted_count(L, examples)`` are corrupted; and what they are corrupted with: for randY `noise_labels`
    uint8 (example), for the others `noise_inputs` float32 (example, channel, size, size) in [0, 1] pixel units.
    ``validation/index`` int32 holds the validation examples, which are never corrupted.

    Parameters
    ----------
    data : Path
        The 'data' file.
    output : Path
        The HDF5 file to write; its bytes depend on the arguments and the data set's content alone.
    image_size : int
        Side of the images in pixels; the official side must be a multiple of it (average pooling).
    examples, validation_examples : int
        How many examples to draw from the training part and from the validation part.
    noise : str
        One of `NOISE_KINDS`.
    seeds : int
        The number of seeds.

    Raises
    ------
    DataError
        If an argument is impossible for the data set.
    StoreError
        If the 'data' file is damaged.

    Notes
    -----
    Arpit et al. (2017) describe randX as i.i.d. Gaussian inputs with the mean and variance of the real data set, which
    leaves open whether these are taken per pixel (randX here) or overall (randXg).
    """
    if noise not in NOISE_KINDS:
        raise DataError(f"noise: '{noise}' is none of {', '.join(NOISE_KINDS)}")
    split = read_training_split(data)
    _require("examples", examples, split.training)
    _require("validation_examples", validation_examples, split.validation)
    _require("seeds", seeds, 2**31)
    pooling = pooling_factor(split.images.shape, image_size)
    statistics = pixel_statistics(split.images[: split.training], pooling)
    with store.create(output, "noise") as file:
        file["validation/index"] = validation_index(split, validation_examples)
        for seed in range(seeds):
            _write_seed(file.create_group(f"seed-{seed}"), split, examples, noise, seed, image_size, statistics)
        store.write_attributes(
            file,
            noise=noise,
            dataset=split.name,
            image_size=image_size,
            examples=examples,
            seeds=seeds,
            data_sha256=split.sha256,
            convention=CONVENTIONS[noise],
            preprocessing={"pooling": pooling, "mean": statistics.mean, "std": statistics.std},
        )


def _write_seed(
    group: h5py.Group,
    split: TrainingSplit,
    examples: int,
    noise: str,
    seed: int,
    image_size: int,
    statistics: Statistics,
) -> None:
    index = training_index(split.name, split.training, examples, seed)
    group["index"] = index
    group["true_labels"] = split.labels[index]
    names = (split.name, examples, noise, seed)
    group["rank"] = generator("rank", *names).permutation(examples).astype(np.int32)
    if noise == "randY":
        group["noise_labels"] = generator("labels", *names).integers(split.classes, size=examples, dtype=np.uint8)
    if noise in INPUT_NOISE:
        rng = generator("inputs", *names, image_size)
        group["noise_inputs"] = noise_inputs(rng, noise, examples, statistics)


def _require(name: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise DataError(f"{name}: {value} is not between 1 and {most}")
