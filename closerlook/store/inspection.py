"""Whether an HDF5 file between the steps is what its layout says: kinds of numbers, shapes, and all of it there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import h5py
import numpy as np

from closerlook.layout import Column, Layout
from closerlook.refusal import shown


class Misfit(Exception):
    """What does not fit, in words."""


def require_layout(file: h5py.File, name: str, layout: Layout, sizes: Mapping[str, int]) -> None:
    """Raise `Misfit` unless an open file is of a layout.

    Parameters
    ----------
    file : h5py.File
        The file.
    name : str
        What the layout is called.
    layout : Layout
        What the file may and must hold.
    sizes : mapping of str to int
        What is known of the dimensions' sizes; others must agree within the file.
    """
    datasets = dict(_datasets(file))
    missing = [part for part in layout.required() if part not in datasets]
    missing += [attribute for attribute in layout.attributes if attribute not in file.attrs]
    if missing:
        raise Misfit(f"not a '{name}' file, it lacks {', '.join(missing)}")
    known = dict(sizes)
    for part, dataset in datasets.items():
        column = layout.column(part)
        if column is None:
            raise Misfit(f"a '{name}' file has no {part}")
        _require_kind(part, dataset, column, name)
        _require_shape(part, dataset, column, known)
    for attribute, kind in {**layout.attributes, **layout.others}.items():
        if attribute in file.attrs:
            _require_attribute(attribute, file.attrs[attribute], kind)


def _datasets(file: h5py.File) -> list[tuple[str, h5py.Dataset]]:
    found: list[tuple[str, h5py.Dataset]] = []
    file.visititems(lambda name, item: found.append((name, item)) if isinstance(item, h5py.Dataset) else None)
    return found


def _require_kind(part: str, dataset: h5py.Dataset, column: Column, name: str) -> None:
    dtype, text = dataset.dtype, h5py.check_string_dtype(dataset.dtype) is not None
    letters = set(column.kind) <= set("biufO")
    right = dtype.kind in column.kind if letters else str(dtype) == column.kind
    if not right or (dtype.kind == "O" and not text):
        wanted = f"not what a '{name}' file has there" if letters else f"and a '{name}' file has {column.kind} there"
        raise Misfit(f"{part} holds {shown(str(dtype))}, {wanted}")
    if dataset.shape is None:
        raise Misfit(f"{part} is not an array")
    if dataset.id.get_storage_size() < dataset.nbytes:
        raise Misfit(f"{part} is not stored in full")


def _require_shape(part: str, dataset: h5py.Dataset, column: Column, known: dict[str, int]) -> None:
    if column.dimensions is None:
        return
    named, count = [name for name in column.dimensions if name != "..."], len(dataset.shape)
    fits = count == len(named) or (count > len(named) and "..." in column.dimensions)
    if not fits:
        raise Misfit(f"{part} has {count} dimensions, not those of ({', '.join(column.dimensions)})")
    for name, size in zip(named, dataset.shape, strict=False):
        if known.setdefault(name, size) != size:
            raise Misfit(f"{part} is of shape {dataset.shape}, and {name} counts {known[name]}")


def _require_attribute(name: str, value: object, kind: str) -> None:
    if kind == "number":
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 0:
            raise Misfit(f"the attribute {name} is {shown(value)}, not a whole number")
    elif not isinstance(value, str):
        raise Misfit(f"the attribute {name} is {shown(value)}, not text")
    elif kind == "JSON" and not isinstance(parsed(name, value), dict):
        raise Misfit(f"the attribute {name} is {shown(value)}, not a JSON object")


def parsed(name: str, text: str) -> object:
    """Return the content of an attribute that holds JSON.

    Raises
    ------
    Misfit
        If it does not.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Misfit(f"the attribute {name} is not JSON ({error})") from None


def differences(found: object, planned: object, place: str = "") -> Iterator[str]:
    """Yield where two contents of JSON differ, each as ``place: value in the file, other in the plan``."""
    if isinstance(found, dict) and isinstance(planned, dict):
        for key in sorted(set(found) | set(planned)):
            yield from differences(found.get(key, _ABSENT), planned.get(key, _ABSENT), f"{place}.{key}".lstrip("."))
    elif isinstance(found, list) and isinstance(planned, list) and len(found) == len(planned):
        for number, pair in enumerate(zip(found, planned, strict=True)):
            yield from differences(*pair, f"{place}[{number}]")
    elif found != planned:
        yield f"{place or 'all'}: {_brief(found)} in the file, {_brief(planned)} in the plan"


_ABSENT = object()


def _brief(value: object) -> str:
    if value is _ABSENT:
        return "its default"
    if isinstance(value, list) and len(value) > 4:
        return f"{len(value)} entries"
    return shown(value)
