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
from jaxtyping import Float32, Int32, Int64, UInt8

from closerlook import store
from closerlook.data.images import (
    Statistics,
    TrainingSplit,
    fill_scaled,
    pixel_statistics,
    read_training_split,
)
from closerlook.data.noise import NOISES
from closerlook.data.sets import DataError, pooling_factor


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


def validation_index(split: TrainingSplit, validation_examples: int, seed: int) -> Int64[np.ndarray, " example"]:
    """Return which examples of the official training split a seed validates on, whatever the noise.

    Each seed has its own, so that an interval over seeds holds what the choice of images adds. They come in the order
    in which they were drawn: the first of many are those of fewer.

    Raises
    ------
    DataError
        If there are not so many.
    """
    _require("validation_examples", validation_examples, split.validation)
    return (
        generator("validation", split.name, seed).permutation(split.validation)[:validation_examples] + split.training
    )


def draw_noise(
    name: str,
    rng: np.random.Generator,
    inputs: Float32[np.ndarray, "example channel size size"],
    labels: UInt8[np.ndarray, " example"],
    statistics: Statistics,
) -> Float32[np.ndarray, "example channel size size"] | UInt8[np.ndarray, " example"]:
    """Return what a kind of noise replaces these inputs, or these labels, by, after checking what its `draw` gave.

    Raises
    ------
    DataError
        If it is not what `closerlook.data.noise` asks for; the line names the noise's file.
    """
    kind, path = NOISES[name], NOISES.path(name)
    draw = getattr(NOISES.module(name), "draw", None)
    if draw is None:
        raise DataError(f"{path}: needs a function draw(rng, inputs, labels, statistics), which is not there")
    try:
        drawn = np.asarray(draw(rng, inputs.reshape(len(inputs), -1), labels, statistics))
    except Exception as error:  # whatever an own noise's code does, one line must say whose fault it is
        raise DataError(f"{path}: draw fails ({type(error).__name__}: {error})") from error
    if kind.replaces == "labels":
        if drawn.shape != labels.shape or drawn.dtype.kind not in "iu":
            raise DataError(f"{path}: draw gave {_words(drawn)}, not {len(labels)} whole numbers, a label each")
        if drawn.size and not 0 <= drawn.min() <= drawn.max() < statistics.classes:
            raise DataError(f"{path}: draw gave a label that is not from 0 to {statistics.classes - 1}")
        return drawn.astype(np.uint8)
    if drawn.dtype.kind not in "fiu" or drawn.size != inputs.size or drawn.shape[:1] != labels.shape:
        raise DataError(f"{path}: draw gave {_words(drawn)}, not {len(labels)} inputs of shape {statistics.shape}")
    if not np.isfinite(drawn).all():
        raise DataError(f"{path}: draw gave numbers that are not finite")
    return drawn.astype(np.float32, copy=False).reshape(inputs.shape)


def _words(array: np.ndarray) -> str:
    return f"{array.dtype} of shape {array.shape}"


def write_noise(
    data: Path,
    output: Path,
    *,
    image_size: int,
    examples: int,
    noise: str,
    seeds: int,
) -> None:
    """Write the 'noise' file of one kind of noise, for every level and for the seeds 0 to `seeds` - 1.

    Each group ``seed-<s>`` has `index` int32 (example), a position in the official training split; `true_labels` uint8
    (example); `rank` int32 (example), a random permutation: at level L the examples with
    ``rank < corrupted_count(L, examples)`` are corrupted; and what they are corrupted with: `noise_labels` uint8
    (example) where the noise replaces labels, `noise_inputs` float32 (example, channel, size, size) in [0, 1] pixel
    units where it replaces inputs. What a seed has does not depend on how many there are. Validation examples are
    never corrupted (`validation_index` draws them).

    Parameters
    ----------
    data : Path
        The 'data' file.
    output : Path
        The HDF5 file to write; its bytes depend on the arguments and the data set's content alone.
    image_size : int
        Side of the images in pixels; the official side must be a multiple of it (average pooling).
    examples : int
        How many examples to draw from the training part.
    noise : str
        A thing of `closerlook.data.noise`.
    seeds : int
        The number of seeds.

    Raises
    ------
    DataError
        If an argument is impossible for the data set, or the noise's own code fails.
    ThingError
        If there is no such noise.
    StoreError
        If the 'data' file is damaged.
    """
    kind = NOISES[noise]
    split = read_training_split(data)
    _require("examples", examples, split.training)
    _require("seeds", seeds, 2**31)
    pooling = pooling_factor(split.images.shape, image_size)
    statistics = pixel_statistics(split.images[: split.training], pooling, split.classes)
    with store.create(output, "noise") as file:
        for seed in range(seeds):
            _write_seed(file.create_group(f"seed-{seed}"), split, examples, noise, seed, pooling, statistics)
        store.write_attributes(
            file,
            noise=noise,
            dataset=split.name,
            image_size=image_size,
            examples=examples,
            seeds=seeds,
            data_sha256=split.sha256,
            convention=kind.convention or kind.words,
            preprocessing={"pooling": pooling, "mean": statistics.mean, "std": statistics.std},
        )


def _write_seed(
    group: h5py.Group,
    split: TrainingSplit,
    examples: int,
    noise: str,
    seed: int,
    pooling: int,
    statistics: Statistics,
) -> None:
    index = training_index(split.name, split.training, examples, seed)
    group["index"] = index
    labels = group["true_labels"] = split.labels[index]
    names = (split.name, examples, noise, seed)
    group["rank"] = generator("rank", *names).permutation(examples).astype(np.int32)
    replaces = NOISES[noise].replaces
    if not replaces:
        return
    inputs = np.empty((examples, *statistics.shape), np.float32)
    fill_scaled(inputs, split.images, index, pooling)
    # Labels do not depend on the size of the images, unless a noise makes them of these.
    rng = generator(replaces, *names, *([statistics.shape[-1]] if replaces == "inputs" else []))
    group[f"noise_{replaces}"] = draw_noise(noise, rng, inputs, labels, statistics)


def _require(name: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise DataError(f"{name}: {value} is not between 1 and {most}")
