"""The room of data sets: a file each, which says what the set is, where it comes from, and by which sums it is known.

`SETS[name]` is what a file has under the name `dataset`. Sources and folders are read by functions of
`closerlook.data.fetching.official`, named as text so that nothing is imported before it is fetched; or by any function
that does the same. Data sets that the user has named in the configuration stand beside them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

from closerlook.things import Room

OWN = "CLOSERLOOK_DATA"
"""The environment's data sets of the user's own, as JSON (see `closerlook.data.own`): jobs know them as well."""


PARTS = ("train/images", "train/labels", "test/images", "test/labels")
"""The arrays of a data set."""

READER = "closerlook.data.fetching.own"
"""What reads them."""


class DataError(ValueError):
    """A data set could not be had, or is not what it should be; the message is one line."""


@dataclass(frozen=True)
class Source:
    """A place that has a data set.

    `read` is, or names, a function ``(address, work folder, seconds without an answer)`` that returns the four arrays
    ``{train,test}/{images,labels}``.
    """

    name: str
    read: str | Callable[..., Any]
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set.

    `image_shape` is (channel, row, column). The first `training` examples of the official training split train, the
    remaining `validation` ones validate; the test split is kept as it is. `sha256` holds the sums of the arrays' bytes;
    `check` is, or names, a function of the arrays that looks for what the sums leave open.

    `read_folder` is, or names, a function that reads the official files in a folder of the user's; `folders` are the
    names under which others keep them there, Torchvision's first.

    `citation` is the set's entry in the references. The sums of a file of the user's own are those of what was read
    first, and not `published`.
    """

    title: str
    licence: str
    image_shape: tuple[int, int, int]
    classes: int
    training: int
    validation: int
    test: int
    sha256: Mapping[str, str]
    read_folder: str | Callable[..., Any] | None = None
    folders: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    check: str | Callable[..., Any] | None = None
    citation: str = ""
    published: bool = True


class Sets(Room):
    """The data sets: files of the room, and what the user has named in the configuration."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all data sets, sorted."""
        return tuple(sorted({*super().names(), *_own()}))

    def path(self, name: str) -> Path:
        """Return the file of a data set: its module, or the user's own file."""
        return Path(_own()[name].sources[0].address) if name in _own() else super().path(name)

    def modules(self, name: str) -> tuple[str, ...]:
        """Return the dotted names of a data set's modules; one of the user's own is read by ours."""
        return (READER,) if name in _own() else super().modules(name)

    def summary(self, name: str) -> str:
        """Return what a data set is, in a line."""
        return f"{self[name].title}, of the user's own" if name in _own() else super().summary(name)

    def __getitem__(self, name: str) -> DataSet:
        return _own()[name] if name in _own() else super().__getitem__(name)

    def identity(self, name: str) -> str:
        """Return a digest of what a data set holds and how it is split; sources, title and licence do not enter."""
        dataset = self[name]
        content = [sorted(dataset.sha256.items()), dataset.image_shape, dataset.classes]
        content += [dataset.training, dataset.validation, dataset.test]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


SETS = Sets(__name__, "data set", "dataset")


def _own() -> dict[str, DataSet]:
    return _parsed(os.environ.get(OWN, "{}"))


@cache
def _parsed(text: str) -> dict[str, DataSet]:
    return {name: _own_set(**facts) for name, facts in json.loads(text).items()}


def _own_set(file: str, shuffle: bool, image_shape: Sequence[int], **facts: Any) -> DataSet:
    source = Source("a file of the user's own", partial(_read_own, shuffle), file)
    return DataSet(image_shape=tuple(image_shape), sources=(source,), published=False, **facts)


def _read_own(shuffle: bool, address: str, work: Path, timeout: float) -> dict[str, Any]:
    # By name: of all that asks what a data set is, only the job that fetches this one reaches the reader's code.
    return import_module(READER).read_own(Path(address), shuffle)


def pooling_factor(shape: tuple[int, ...], image_size: int) -> int:
    """Return the side of the squares that average pooling to `image_size` takes together.

    Raises
    ------
    DataError
        If the images are not square or `image_size` does not divide their side.
    """
    rows, columns = shape[-2:]
    if rows != columns or image_size < 1 or rows % image_size:
        sizes = [size for size in range(1, rows + 1) if rows % size == 0]
        raise DataError(f"image_size: {image_size} must divide {rows}, so one of {', '.join(map(str, sizes))}")
    return rows // image_size
