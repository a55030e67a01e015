"""Data sets of the user's own, from an `.npz` file or a folder of images, held against what can be trained on.

Whatever is wrong with them is told in one line before any work. Nothing in them is believed: no pickled array is
loaded, and no picture is taken for what its name says.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from math import isqrt
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8

from closerlook.data.fetching.formats import Arrays
from closerlook.data.sets import DataError

PARTS = {
    "train": ("{}_train", "train_{}"),
    "validation": ("{}_val", "val_{}", "{}_validation", "validation_{}", "{}_valid", "valid_{}"),
    "test": ("{}_test", "test_{}"),
}
"""How the arrays of a split are called beside its kind; those of a file without splits have the kind's name alone."""

KINDS = {"images": ("images", "image", "x", "data"), "labels": ("labels", "label", "y", "target", "targets")}
"""What images and labels are called, in capitals too."""

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
MOST_CLASSES = 256
MOST_CHANNELS = 4

Split = tuple[UInt8[np.ndarray, "example channel row column"], Integer[np.ndarray, " example"]]


def read_own(path: Path, shuffle: bool) -> Arrays:
    """Return the four arrays of a data set of the user's own; those of the test split are empty where it has none.

    Parameters
    ----------
    path : Path
        An `.npz` file, or a folder with ``<class>/<picture>``, or with ``train/<class>/<picture>`` and, if there is
        one, ``test/<class>/<picture>``; classes are numbered in the order of their folders' names.
    shuffle : bool
        Whether the examples of the training split are put in a random order, the same for every file of so many.

    Raises
    ------
    DataError
        If it is not there, or cannot be trained on; the line says what is wrong, and what is allowed.
    """
    if path.is_dir():
        splits = _read_pictures(path)
    elif path.is_file():
        splits = _read_npz(path)
    else:
        raise DataError(f"{path} is not there")
    (images, labels), test = splits["train"], splits.get("test")
    if "validation" in splits:
        images, labels = (np.concatenate(pair) for pair in zip(splits["train"], splits["validation"], strict=True))
    _require_classes(labels, test[1] if test else labels[:0])
    if shuffle:
        order = np.random.default_rng(0).permutation(len(labels))
        images, labels = images[order], labels[order]
    test_images, test_labels = test or (images[:0], labels[:0])
    return {
        "train/images": np.ascontiguousarray(images),
        "train/labels": labels.astype(np.uint8),
        "test/images": np.ascontiguousarray(test_images),
        "test/labels": test_labels.astype(np.uint8),
    }


def facts(arrays: Arrays) -> dict[str, object]:
    """Return what is to be known of a data set before it is read again: shape, classes, sizes of the splits, sums."""
    return {
        "image_shape": list(arrays["train/images"].shape[1:]),
        "classes": int(arrays["train/labels"].max()) + 1,
        "examples": len(arrays["train/labels"]),
        "test": len(arrays["test/labels"]),
        "sha256": {part: hashlib.sha256(np.ascontiguousarray(array)).hexdigest() for part, array in arrays.items()},
    }


def _require_classes(labels: np.ndarray, test: np.ndarray) -> None:
    present = np.unique(labels)
    if len(present) < 2:
        raise DataError("all labels are the same: there is nothing to tell apart")
    if present[0] < 0 or present[-1] >= MOST_CLASSES:
        raise DataError(f"labels reach from {present[0]} to {present[-1]}; allowed: 0 to at most {MOST_CLASSES - 1}")
    if present[-1] != len(present) - 1:
        empty = next(label for label in range(len(present)) if label != present[label])
        hint = "; count from 0" if empty == 0 else ""
        raise DataError(f"no example has the label {empty}, but some have {present[-1]}{hint}")
    if test.size and not 0 <= test.min() <= test.max() <= present[-1]:
        raise DataError(f"test labels reach from {test.min()} to {test.max()}, those of training to {present[-1]}")


# ---- .npz ----


def _read_npz(path: Path) -> dict[str, Split]:
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path.name} is not an .npz file")
    try:
        with np.load(path, allow_pickle=False) as file:
            names = _array_names(list(file.files))
            arrays = {part: [_array(file, key) for key in keys] for part, keys in names.items()}
    except DataError:
        raise
    except Exception as error:  # a damaged archive raises nearly anything: zlib.error, EOFError, RuntimeError, ...
        raise DataError(f"{path.name} is not an .npz file, or damaged ({error})") from None
    return {part: _split(part, *pair) for part, pair in arrays.items()}


def _array(file: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    try:
        return file[key]
    except ValueError as error:  # an array of objects is a pickle, which could run code
        raise DataError(f"{key}: holds no plain numbers, or images of several sizes ({error})") from None


def _array_names(present: list[str]) -> dict[str, tuple[str, str]]:
    """Return, for each split of the file, the names of its images and labels."""
    by_lower = {name.lower(): name for name in present}

    def find(kind: str, patterns: tuple[str, ...]) -> str | None:
        words = (pattern.format(word) for word in KINDS[kind] for pattern in patterns)
        return next((by_lower[word] for word in words if word in by_lower), None)

    found = {}
    for part, patterns in PARTS.items():
        images, labels = find("images", patterns), find("labels", patterns)
        if part == "train" and not images:
            images, labels = find("images", ("{}",)), find("labels", ("{}",))
        if images and labels:
            found[part] = images, labels
    if "train" not in found:
        raise DataError(
            f"its arrays are {', '.join(sorted(present)) or 'none'}; wanted: images and labels, x and y, data and "
            "target, or x_train, y_train, x_test and y_test"
        )
    return found


def _split(part: str, images: np.ndarray, labels: np.ndarray) -> Split:
    labels = labels.reshape(-1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"{part}: labels are {labels.dtype} of shape {labels.shape}; wanted: a whole number each")
    if len(images) != len(labels):
        raise DataError(f"{part}: {len(images)} images, but {len(labels)} labels")
    if not len(images):
        raise DataError(f"{part}: no examples")
    return _channels_first(part, _bytes(part, images)), labels


def _bytes(part: str, images: np.ndarray) -> UInt8[np.ndarray, "example ..."]:
    """Return pixels as bytes: whole numbers from 0 to 255 as they are, fractions from 0 to 1 times 255, rounded."""
    if images.dtype.kind not in "uifb":
        raise DataError(f"{part}: images are {images.dtype}; wanted: whole numbers from 0 to 255, or 0 to 1")
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise DataError(f"{part}: images have pixels that are not finite")
    most = 255 if images.dtype.kind in "ui" else 1
    if images.size and not (images.min() >= 0 and images.max() <= most):
        raise DataError(
            f"{part}: {images.dtype} pixels reach from {images.min():g} to {images.max():g}; "
            "allowed: whole numbers from 0 to 255, or fractions from 0 to 1"
        )
    return images.astype(np.uint8) if most == 255 else np.rint(images.astype(np.float64) * 255).astype(np.uint8)


def _channels_first(part: str, images: np.ndarray) -> UInt8[np.ndarray, "example channel row column"]:
    shape = images.shape
    if len(shape) == 2 and isqrt(shape[1]) ** 2 == shape[1]:
        return images.reshape(len(images), 1, isqrt(shape[1]), isqrt(shape[1]))
    if len(shape) == 3 and shape[1] == shape[2]:
        return images[:, None]
    if len(shape) == 4 and shape[1] <= MOST_CHANNELS and shape[2] == shape[3]:
        return images
    if len(shape) == 4 and shape[3] <= MOST_CHANNELS and shape[1] == shape[2]:
        return images.transpose(0, 3, 1, 2)
    raise DataError(
        f"{part}: images of shape {shape[1:]}; allowed: square, as (rows, columns), (channels, rows, columns), "
        "(rows, columns, channels) or one row of pixels"
    )


# ---- a folder of pictures ----


def picture_files(folder: Path) -> Iterator[Path]:
    """Yield every picture below a folder, in order."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURES and not path.name.startswith(".") and path.is_file():
            yield path


def _read_pictures(folder: Path) -> dict[str, Split]:
    places = {"train": folder}
    if (folder / "train").is_dir():
        places = {part: folder / part for part in ("train", "test") if (folder / part).is_dir()}
    classes = [path.name for path in _folders(places["train"])]
    if not classes:
        raise DataError(f"{places['train']} has no folders of pictures, one a class")
    if len(classes) > MOST_CLASSES:
        raise DataError(f"{places['train']} has {len(classes)} classes; allowed: at most {MOST_CLASSES}")
    files = {part: [_pictures_of(place, name) for name in classes] for part, place in places.items()}
    for part, place in places.items():
        if others := [path.name for path in _folders(place) if path.name not in classes]:
            raise DataError(f"{place / others[0]}: no class of that name in {places['train']}")
        if part == "train" and (empty := [name for name, of in zip(classes, files[part], strict=True) if not of]):
            raise DataError(f"{place / empty[0]}: no pictures in it ({', '.join(PICTURES)})")
    everything = [path for per_class in files.values() for paths in per_class for path in paths]
    mode = _common_mode(everything)
    return {
        part: (
            np.stack([_picture(path, mode) for paths in per_class for path in paths]),
            np.repeat(np.arange(len(classes)), [len(paths) for paths in per_class]),
        )
        for part, per_class in files.items()
        if any(per_class)
    }


def _folders(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))


def _pictures_of(place: Path, name: str) -> list[Path]:
    return list(picture_files(place / name)) if (place / name).is_dir() else []


def _common_mode(paths: list[Path]) -> str:
    """Return ``L`` where all pictures are grey and ``RGB`` otherwise, after comparing their sizes; no pixel is read."""
    from PIL import Image, UnidentifiedImageError  # here: only a folder of pictures needs it

    grey, first = True, None
    for path in paths:
        try:
            with Image.open(path) as picture:
                size, mode = picture.size, picture.mode
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
            raise DataError(f"{path}: not a picture that can be read") from None
        first = first or (path, size)
        if size[0] != size[1]:
            raise DataError(f"{path}: {size[0]} x {size[1]} pixels; pictures must be square")
        if size != first[1]:
            raise DataError(f"{path}: {size[0]} pixels a side, where {first[0].name} has {first[1][0]}")
        if mode.startswith(("I", "F")):
            raise DataError(f"{path}: more than 8 bits a pixel (mode {mode})")
        grey = grey and mode in ("1", "L")
    return "L" if grey else "RGB"


def _picture(path: Path, mode: str) -> UInt8[np.ndarray, "channel row column"]:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert(mode), np.uint8)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: damaged ({error})") from None
    return pixels[None] if mode == "L" else pixels.transpose(2, 0, 1)
