"""The room of data sets: a file each, which says what the set is, where it comes from, and by which sums it is known.

`SETS[name]` is what a file has under the name `dataset`. Sources and folders are read by functions of
`closerlook.data.fetching.official`, named as text so that nothing is imported before it is fetched; or by any function
that does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from closerlook.things import Room

SETS = Room(__name__, "data set", "dataset")


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
    """

    title: str
    licence: str
    image_shape: tuple[int, int, int]
    classes: int
    training: int
    validation: int
    test: int
    sha256: Mapping[str, str]
    read_folder: str | Callable[..., Any]
    folders: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    check: str | Callable[..., Any] | None = None


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
