"""What a trainer loads: the inputs and labels of every member of an ensemble, from the 'data' and 'noise' files.

Members share inputs: those of one seed train on the same examples, those of one noise kind and seed on the same noise.
So every distinct input is in memory once, in a pool, and a member is a list of rows of it. 30 members of 50 000 MNIST
examples are 5.6 GB of inputs when written out, and 1 GB as a pool with five seeds of noise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Bool, Float32, Int64

from closerlook import store
from closerlook.data.corruption import corrupted_count, validation_index
from closerlook.data.images import (
    TrainingSplit,
    fill_scaled,
    read_training_split,
    standardise,
)
from closerlook.data.noise import NOISES
from closerlook.data.sets import pooling_factor
from closerlook.spec import REAL, Ensemble, Member
from closerlook.store import StoreError

_CHUNK = 4096  # noise inputs read at a time


@dataclass(frozen=True)
class TrainingData:
    """The inputs and labels of an ensemble's members, and what each validates on, which is clean.

    `pool` holds every distinct training input once, standardised; member m trains on ``pool[rows[m]]`` with the labels
    ``labels[m]``, of which ``is_noise[m]`` tells the corrupted examples. `validation_inputs` and `validation_labels`
    hold every validation example of any member once; member m validates on those at ``validation_rows[m]``. `pixel` is
    one unit of [0, 1] pixel intensity in standardised units; `classes` the number of classes.
    """

    pool: Float32[np.ndarray, "row channel height width"]
    rows: Int64[np.ndarray, "member example"]
    labels: Int64[np.ndarray, "member example"]
    is_noise: Bool[np.ndarray, "member example"]
    validation_inputs: Float32[np.ndarray, "image channel height width"]
    validation_labels: Int64[np.ndarray, " image"]
    validation_rows: Int64[np.ndarray, "member validation"]
    pixel: float
    classes: int

    def fingerprint(self) -> str:
        """Return the SHA-256 of all that is trained and validated on."""
        digest = hashlib.sha256()
        validation = self.validation_inputs, self.validation_labels, self.validation_rows
        for values in (self.pool, self.rows, self.labels, *validation):
            digest.update(np.ascontiguousarray(values))
        return digest.hexdigest()


@dataclass(frozen=True)
class _Seed:
    """The checked content of one seed's group in a noise file; `inputs` stays on disk until its rows are needed."""

    index: np.ndarray
    true_labels: np.ndarray
    rank: np.ndarray
    labels: np.ndarray | None
    inputs: h5py.Dataset | None


def load_training_data(spec: Ensemble, data: Path, noise: Mapping[str, Path]) -> TrainingData:
    """Return what the members of `spec` train and validate on.

    Parameters
    ----------
    spec : Ensemble
        The ensemble.
    data : Path
        The 'data' file of its data set.
    noise : mapping of str to Path
        Noise kind -> 'noise' file, for every kind in ``spec.noises``.

    Raises
    ------
    StoreError
        If a file is damaged, does not belong to the data, or does not fit `spec`; the line names the file.
    DataError
        If `spec` asks for an impossible level, image size or number of validation examples.
    """
    split = read_training_split(data)
    pooling = pooling_factor(split.images.shape, spec.image_size)
    if split.name != spec.dataset:
        raise StoreError(f"{data}: holds {split.name}, not {spec.dataset}")
    _require_fit(spec, noise)
    with ExitStack() as files:
        opened = {kind: files.enter_context(store.read(noise[kind], "noise")) for kind in spec.noises}
        for kind, file in opened.items():
            _check_attributes(file, noise[kind], spec, split, kind)
        mean, std = _agreed(opened, noise)
        seeds = {
            (member.noise, spec.data_seed(member)): _read_seed(
                opened[member.noise], noise[member.noise], spec, split, member
            )
            for member in spec.members
        }
        pool, clean_rows, noise_rows = _fill_pool(spec, split, seeds, noise, pooling, mean, std)
    members = [_member(spec, member, seeds, clean_rows, noise_rows) for member in spec.members]
    rows, labels, is_noise = (np.stack(part) for part in zip(*members, strict=True))
    if spec.own_class:
        labels = np.broadcast_to(np.arange(spec.examples), labels.shape).copy()
    validation, validation_rows = _validation(spec, split)
    validation_inputs = np.empty((len(validation), *pool.shape[1:]), np.float32)
    fill_scaled(validation_inputs, split.images, validation, pooling)
    standardise(validation_inputs, mean, std)
    return TrainingData(
        pool=pool,
        rows=rows,
        labels=labels,
        is_noise=is_noise,
        validation_inputs=validation_inputs,
        validation_labels=split.labels[validation].astype(np.int64),
        validation_rows=validation_rows,
        pixel=1.0 / std,
        classes=spec.examples if spec.own_class else split.classes,
    )


def _validation(spec: Ensemble, split: TrainingSplit) -> tuple[np.ndarray, np.ndarray]:
    """Return the official positions of all validation examples, ascending, and each member's rows among them."""
    if spec.own_class:
        return np.empty(0, np.int64), np.empty((len(spec.members), 0), np.int64)
    seeds = [spec.data_seed(member) for member in spec.members]
    drawn = {seed: validation_index(split, spec.validation_examples, seed) for seed in set(seeds)}
    used = np.unique(np.concatenate(list(drawn.values())))
    return used, np.stack([np.searchsorted(used, drawn[seed]) for seed in seeds])


def _require_fit(spec: Ensemble, noise: Mapping[str, Path]) -> None:
    if unknown := [kind for kind in spec.noises if kind not in NOISES]:
        raise StoreError(f"the specification has an unknown kind of noise: {', '.join(unknown)}")
    if missing := [kind for kind in spec.noises if kind not in noise]:
        raise StoreError(f"no noise file is given for {', '.join(missing)}")
    if any(member.noise == REAL and member.level != 0 for member in spec.members):
        raise StoreError(f"the specification has a member with noise '{REAL}' at a level above 0")


def _check_attributes(file: h5py.File, path: Path, spec: Ensemble, split: TrainingSplit, kind: str) -> None:
    expected = {
        "noise": kind,
        "dataset": spec.dataset,
        "image_size": spec.image_size,
        "examples": spec.examples,
        # Of the arrays and not of the file: noise drawn for other pixels would go unnoticed in every result.
        "data_sha256": split.sha256,
    }
    for name, value in expected.items():
        if file.attrs[name] != value:
            raise StoreError(f"{path}: its {name} is {file.attrs[name]}, not {value}")


def _agreed(opened: Mapping[str, h5py.File], paths: Mapping[str, Path]) -> tuple[float, float]:
    """Return mean and std, which must be the same in all files: members are compared."""
    agreed = None
    for kind, file in opened.items():
        path = paths[kind]
        preprocessing = json.loads(file.attrs["preprocessing"])
        mean, std = preprocessing["mean"], preprocessing["std"]
        if not (np.isfinite(mean) and np.isfinite(std) and std > 0):
            raise StoreError(f"{path}: its preprocessing has mean {mean} and std {std}")
        if agreed is not None and (mean, std) != agreed:
            raise StoreError(f"{path}: its preprocessing is not that of the other noise files")
        agreed = mean, std
    return mean, std


def _read_seed(file: h5py.File, path: Path, spec: Ensemble, split: TrainingSplit, member: Member) -> _Seed:
    name = f"seed-{spec.data_seed(member)}"
    if name not in file:
        raise StoreError(f"{path}: has the seeds below {file.attrs['seeds']}, not {spec.data_seed(member)}")
    group, count = file[name], (spec.examples,)
    index, rank = _array(group, "index", count, path), _array(group, "rank", count, path)
    true_labels = _array(group, "true_labels", count, path)
    _require_range(index, 0, split.training, f"{name}/index", path)
    if not np.array_equal(np.sort(rank), np.arange(spec.examples)):
        raise StoreError(f"{path}: {name}/rank is not a permutation")
    if not np.array_equal(true_labels, split.labels[index]):
        raise StoreError(f"{path}: {name}/true_labels are not the labels of the data")
    labels = inputs = None
    replaces = NOISES[member.noise].replaces
    if replaces == "labels":
        labels = _array(group, "noise_labels", count, path)
        _require_range(labels, 0, split.classes, f"{name}/noise_labels", path)
    if replaces == "inputs":
        shape = (*count, split.images.shape[1], spec.image_size, spec.image_size)
        inputs = _dataset(group, "noise_inputs", shape, path)
    return _Seed(index.astype(np.int64), true_labels, rank, labels, inputs)


def _dataset(group: h5py.Group, name: str, shape: tuple[int, ...], path: Path) -> h5py.Dataset:
    if name not in group or not isinstance(group[name], h5py.Dataset) or group[name].shape != shape:
        found = group[name].shape if name in group and isinstance(group[name], h5py.Dataset) else "missing"
        raise StoreError(f"{path}: {group.name[1:]}/{name} is {found}, not of shape {shape}")
    return group[name]


def _array(group: h5py.Group, name: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    array = _dataset(group, name, shape, path)[:]
    if array.dtype.kind not in "iu":
        raise StoreError(f"{path}: {group.name[1:]}/{name} holds {array.dtype}, not whole numbers")
    return array


def _require_range(array: np.ndarray, first: int, end: int, name: str, path: Path) -> None:
    if array.size and not (first <= array.min() and array.max() < end):
        raise StoreError(f"{path}: {name} reaches from {array.min()} to {array.max()}, outside {first} to {end - 1}")


def _fill_pool(
    spec: Ensemble,
    split: TrainingSplit,
    seeds: Mapping[tuple[str, int], _Seed],
    paths: Mapping[str, Path],
    pooling: int,
    mean: float,
    std: float,
) -> tuple[np.ndarray, np.ndarray, dict[tuple[str, int], np.ndarray]]:
    """Return the pool, official example -> its row, and (noise kind, seed) -> example -> the row of its noise.

    The seeds' subsets overlap (at 50 000 examples they are equal), so the clean part is their union; of the noise only
    what the highest level needs is taken. Rows that do not exist are -1.
    """
    used = np.unique(np.concatenate([seed.index for seed in seeds.values()]))
    clean_rows = np.full(split.training, -1, np.int64)
    clean_rows[used] = np.arange(len(used))
    end, noise_rows = len(used), {}
    for key, seed in seeds.items():
        if seed.inputs is not None:
            needed = seed.rank < _highest_count(spec, *key)
            noise_rows[key] = np.where(needed, end + np.cumsum(needed) - 1, -1)
            end += int(needed.sum())
    pool = np.empty((end, split.images.shape[1], spec.image_size, spec.image_size), np.float32)
    fill_scaled(pool[: len(used)], split.images, used, pooling)
    standardise(pool[: len(used)], mean, std)
    for key, rows in noise_rows.items():
        for block, chosen in _noise_blocks(seeds[key].inputs, rows):
            if not np.isfinite(block).all():
                raise StoreError(f"{paths[key[0]]}: seed-{key[1]}/noise_inputs has values that are not finite")
            standardise(block, mean, std)
            pool[chosen] = block
    return pool, clean_rows, noise_rows


def _highest_count(spec: Ensemble, noise: str, seed: int) -> int:
    levels = (member.level for member in spec.members if (member.noise, spec.data_seed(member)) == (noise, seed))
    return max(corrupted_count(level, spec.examples) for level in levels)


def _noise_blocks(inputs: h5py.Dataset, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield needed noise inputs as float32, with the pool rows that they belong to, a few thousand at a time."""
    for start in range(0, len(rows), _CHUNK):
        chosen = rows[start : start + _CHUNK]
        needed = chosen >= 0
        if needed.any():
            yield inputs[start : start + _CHUNK][needed].astype(np.float32), chosen[needed]


def _member(
    spec: Ensemble,
    member: Member,
    seeds: Mapping[tuple[str, int], _Seed],
    clean_rows: np.ndarray,
    noise_rows: Mapping[tuple[str, int], np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a member's rows of the pool, labels, and which of its examples are corrupted."""
    key = member.noise, spec.data_seed(member)
    seed = seeds[key]
    rows, labels = clean_rows[seed.index], seed.true_labels.astype(np.int64)
    is_noise = seed.rank < corrupted_count(member.level, len(rows))
    if seed.inputs is not None:
        rows = np.where(is_noise, noise_rows[key], rows)
    if seed.labels is not None:
        labels = np.where(is_noise, seed.labels, labels)
    return rows, labels, is_noise
