"""Readers of the official data files. What they read comes from the network, so nothing in it is believed.

Every size is known beforehand, so a reader stops at it instead of trusting a header; archives are read member by member
and never unpacked to paths that they name; the one pickle is read by an unpickler that knows three names.
"""

from __future__ import annotations

import gzip
import io
import pickle
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from closerlook.data.sets import DataError

Arrays = dict[str, np.ndarray]
"""The four arrays of a data set: ``train/images``, ``train/labels``, ``test/images``, ``test/labels``."""

IDX_FILES = {
    "train/images": "train-images-idx3-ubyte",
    "train/labels": "train-labels-idx1-ubyte",
    "test/images": "t10k-images-idx3-ubyte",
    "test/labels": "t10k-labels-idx1-ubyte",
}
CIFAR_FOLDER = "cifar-10-batches-bin"
CIFAR_BATCHES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")
CIFAR_SHAPE = (3, 32, 32)

_UNREADABLE = (OSError, EOFError, zlib.error, tarfile.TarError)
_SMALL_FILES = 1 << 20  # tar headers, padding and the read-me beside the data


@runtime_checkable
class Readable(Protocol):
    """What the readers ask of a stream."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes (-1: all that are left)."""


class Bounded:
    """A readable stream that refuses to give more than `limit` bytes, so that a decompression bomb ends early."""

    def __init__(self, stream: Readable, limit: int, name: str):
        self.stream, self.left, self.name = stream, limit, name

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes (-1: all that are left), or raise `DataError` once past the limit."""
        chunk = self.stream.read(self.left + 1 if size < 0 else min(size, self.left + 1))
        self.left -= len(chunk)
        if self.left < 0:
            raise DataError(f"{self.name}: larger than the official file")
        return chunk


def read_gzip(path: Path, size: int, what: str = "file") -> bytes:
    """Return the `size` bytes in `path`, gzipped or not.

    Raises
    ------
    DataError
        If there are more or fewer bytes, or the compression is damaged.
    """
    try:
        with open(path, "rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if compressed else open(path, "rb") as stream:
            content = Bounded(stream, size, path.name).read()
    except _UNREADABLE as error:
        raise DataError(f"{path.name}: damaged or truncated {what} ({error})") from None
    if len(content) < size:
        raise DataError(f"{path.name}: {len(content)} bytes where the official {what} has {size}")
    return content


def read_idx(path: Path, shape: tuple[int, ...]) -> UInt8[np.ndarray, "..."]:
    """Return the unsigned bytes of an IDX file, gzipped or not.

    Parameters
    ----------
    path : Path
        The file; magic number 0x0801 (labels) or 0x0803 (images), big-endian sizes, then the bytes.
    shape : tuple of int
        The sizes that the header must declare.

    Raises
    ------
    DataError
        If it is not an IDX file of unsigned bytes of that shape, or is damaged.
    """
    header = b"\x00\x00\x08" + bytes([len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    content = read_gzip(path, len(header) + int(np.prod(shape)), "IDX file")
    if content[:4] != header[:4]:
        raise DataError(f"{path.name}: not an IDX file of unsigned bytes with {len(shape)} dimensions (wrong magic)")
    if content[: len(header)] != header:
        raise DataError(f"{path.name}: the header does not declare the shape {shape}")
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def read_members(stream: Readable, sizes: Mapping[str, int], total: int, name: str) -> dict[str, bytes]:
    """Return the wanted members of a tar stream by name: ``sizes`` maps a path in the archive to its largest size.

    Only regular files under exactly these paths (a leading ``./`` aside) are read; all else in the archive is passed
    over, never written anywhere, and counted against `total`, the largest size of the whole stream in bytes.

    Raises
    ------
    DataError
        If a member is missing, is a link, is too large, or the archive is damaged or larger than `total`.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=Bounded(stream, total, name), mode="r|") as archive:
            for member in archive:
                path = str(PurePosixPath(member.name))
                if path not in sizes:
                    continue
                if not member.isreg() or member.size > sizes[path]:
                    raise DataError(f"{name}: {path} is not a plain file of at most {sizes[path]} bytes")
                found[path] = archive.extractfile(member).read()
    except _UNREADABLE as error:
        raise DataError(f"{name}: damaged or truncated archive ({error})") from None
    if missing := [path for path in sizes if path not in found]:
        raise DataError(f"{name}: the archive lacks {', '.join(missing)}")
    return found


def read_cifar(path: Path, records: int = 10_000) -> Arrays:
    """Return CIFAR-10 from its binary archive, or from the folder that the archive unpacks to.

    Parameters
    ----------
    path : Path
        ``cifar-10-binary.tar.gz``, or the folder ``cifar-10-batches-bin``.
    records : int
        Images in each of the six files.

    Raises
    ------
    DataError
        If a file is missing or damaged, has another size, or a label above 9.
    """
    size = records * (1 + int(np.prod(CIFAR_SHAPE)))
    if path.is_dir():
        batches = [read_gzip(path / name, size, "CIFAR-10 batch") for name in CIFAR_BATCHES]
    else:
        sizes = {f"{CIFAR_FOLDER}/{name}": size for name in CIFAR_BATCHES}
        try:
            with gzip.open(path, "rb") as stream:
                members = read_members(stream, sizes, len(sizes) * size + _SMALL_FILES, path.name)
        except _UNREADABLE as error:
            raise DataError(f"{path.name}: damaged or truncated archive ({error})") from None
        batches = [members[name] for name in sizes]
    parts = [_cifar_batch(name, batch, records) for name, batch in zip(CIFAR_BATCHES, batches, strict=True)]
    return {
        "train/images": np.concatenate([images for images, _ in parts[:-1]]),
        "train/labels": np.concatenate([labels for _, labels in parts[:-1]]),
        "test/images": parts[-1][0].copy(),
        "test/labels": parts[-1][1].copy(),
    }


def _cifar_batch(name: str, content: bytes, records: int) -> tuple[np.ndarray, np.ndarray]:
    width = 1 + int(np.prod(CIFAR_SHAPE))
    if len(content) != records * width:
        raise DataError(f"{name}: {len(content)} bytes, not {records} records of {width}")
    rows = np.frombuffer(content, np.uint8).reshape(records, width)
    if rows[:, 0].max() > 9:
        raise DataError(f"{name}: a label above 9, so not a CIFAR-10 batch")
    return rows[:, 1:].reshape(records, *CIFAR_SHAPE), rows[:, 0]


def _reconstruct(kind: type, shape: tuple[int, ...], code: bytes | str) -> np.ndarray:
    # NumPy's own pickles always start from an empty array; anything else would be a way to ask for huge memory.
    if kind is not np.ndarray or tuple(shape) != (0,):
        raise pickle.UnpicklingError("an array that does not start empty")
    return np.empty(0, np.dtype(code.decode("latin1") if isinstance(code, bytes) else code))


class _ArraysOnly(pickle.Unpickler):
    """Unpickles plain arrays in tuples and lists; any other name is refused, so that no code can run."""

    _ADMITTED = {  # noqa: RUF012
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> object:
        try:
            return self._ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None


def unpickle_arrays(content: bytes) -> object:
    """Return what a pickle of NumPy arrays holds, without running code from it.

    Raises
    ------
    DataError
        If it holds anything but tuples, lists and plain arrays, or is damaged.
    """
    try:
        return _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # a damaged pickle raises nearly anything: IndexError, KeyError, MemoryError, ...
        raise DataError(f"refused the pickle: {str(error) or type(error).__name__}") from None


def mnist_from_splits(splits: object, image_shape: tuple[int, ...]) -> Arrays:
    """Return MNIST from the three (inputs, labels) pairs training, validation, test of ``mnist.pkl``.

    Its inputs are float32 of shape (example, pixel), the official byte / 256, so they give the bytes back exactly.

    Raises
    ------
    DataError
        If the pairs are not of this form.
    """
    parts = []
    try:
        for inputs, labels in splits:
            bytes_ = inputs * np.float32(256)
            if not (np.array_equal(bytes_, np.rint(bytes_)) and bytes_.min() >= 0 and bytes_.max() <= 255):
                raise DataError("mnist.pkl: inputs that are not multiples of 1/256 below 1")
            parts.append((bytes_.astype(np.uint8).reshape(-1, *image_shape), np.asarray(labels).astype(np.uint8)))
        (train, train_labels), (validation, validation_labels), (test, test_labels) = parts
    except DataError:
        raise
    except (TypeError, AttributeError, ValueError) as error:
        raise DataError(f"mnist.pkl: not three pairs of inputs and labels ({error})") from None
    return {
        "train/images": np.concatenate([train, validation]),
        "train/labels": np.concatenate([train_labels, validation_labels]),
        "test/images": test,
        "test/labels": test_labels,
    }
