"""What an HDF5 file between the steps may hold, looked at before any of it is read.

A file may come from another machine or another person. Nothing in it leads outside it, nothing declares more than it
stores, and every part is of the kind that its layout gives it; so a reader can neither be led to another file nor be
made to ask for memory that the file's own size does not justify.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import h5py
import numpy as np

from closerlook.refusal import shown
from closerlook.spec import Ensemble

CONTENT: dict[str, tuple[tuple[str, str, int | None], ...]] = {
    "data": (("(train|test)/images", "u", 4), ("(train|test)/labels", "u", 1)),
    "noise": ((r"seed-\d+/\w+", "biuf", None),),
    "trained": (
        (r"members/\w+", "iufO", 1),
        (r"history/\w+", "f", 2),
        (r"outcome/\w+", "biuf", 1),
        ("answers/step", "i", 1),
        ("answers/labels", "u", 2),
        ("answers/correct", "u", 3),
        ("checkpoints/[^/]+/(epoch|loss)", "f", 1),
        (r"checkpoints/[^/]+/\w+", "f", None),
    ),
    "curvature": ((r"[^/]+/\w+", "biuf", 1),),
    "critical_samples": (
        ("radius", "f", 1),
        ("[^/]+/epoch", "f", 1),
        (r"[^/]+/(validation|training)/\w+", "f", 2),
    ),
    "sensitivity": (
        ("steps", "i", 1),
        ("sensitivity", "f", 3),
        ("class_matrix", "f", 3),
        ("gini|train_loss|train_accuracy", "f", 2),
    ),
}
"""For each layout, which datasets there may be: name, kinds of number (NumPy's letters; O is text), dimensions."""

MAPPINGS = ("sha256", "preprocessing", "versions", "settings", "identity")
"""Attributes that hold a JSON object."""

NUMBERS = ("image_size", "examples", "seeds", "training", "classes")
"""Attributes that hold a whole number; the others are text."""


class Misfit(Exception):
    """What does not fit, in words."""


Datasets = dict[str, h5py.Dataset]


def safe_datasets(file: h5py.File, size: int) -> Datasets:
    """Return every dataset of an open file of `size` bytes by name, having followed no link that leads elsewhere.

    Raises
    ------
    Misfit
        If a part leads outside the file, has two names, or declares more than is stored.
    """
    found = {name: item for name, item in _items(file, set()) if isinstance(item, h5py.Dataset)}
    declared = sum(dataset.nbytes for dataset in found.values())
    if declared > size:
        raise Misfit(f"it declares {declared} bytes of data and has {size} in all")
    for name, dataset in found.items():
        if dataset.id.get_storage_size() < dataset.nbytes:
            raise Misfit(f"{name} is not stored in full")
    for name in file.attrs:
        _require_attribute(file, name, size)
    return found


def require_content(file: h5py.File, layout: str, datasets: Datasets) -> None:
    """Raise `Misfit` unless every dataset is of the kind that the layout gives it, and they fit each other."""
    for name, item in _items(file, set()) if layout in CONTENT else ():
        _require_kind(name, item, layout)
    if layout == "data":
        for part in ("train", "test"):
            if len(file[f"{part}/images"]) != len(file[f"{part}/labels"]):
                raise Misfit(f"{part}/images and {part}/labels are not of the same examples")
        if file.attrs.get("training", 0) > len(file["train/labels"]):
            raise Misfit(f"the attribute training is {file.attrs['training']}, more than there are examples")
    if layout == "curvature" and len({dataset.shape for dataset in datasets.values()}) > 1:
        raise Misfit("its columns are not of the same members")
    if layout == "trained":
        _require_members(specification(file.attrs["spec"]), datasets)


def _items(group: h5py.Group, seen: set[int]) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    """Yield every group and dataset below a group with its name, all links proved harmless before they are followed."""
    for key in group:
        name = f"{group.name}/{key}".lstrip("/")
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise Misfit(f"{name} is a link to somewhere else")
        item = group[key]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            raise Misfit(f"{name} is another name of something in the file")
        seen.add(address)
        if isinstance(item, h5py.Group):
            yield name, item
            yield from _items(item, seen)
        elif not isinstance(item, h5py.Dataset) or item.shape is None:
            raise Misfit(f"{name} is not an array")
        elif item.external or item.is_virtual:
            raise Misfit(f"{name} lies in another file")
        else:
            yield name, item


def _require_kind(name: str, dataset: h5py.Group | h5py.Dataset, layout: str) -> None:
    kinds = next((entry[1:] for entry in CONTENT[layout] if re.fullmatch(entry[0], name)), None)
    if isinstance(dataset, h5py.Group):
        if kinds is not None:
            raise Misfit(f"{name} is a group, not an array")
        return
    if kinds is None:
        raise Misfit(f"a '{layout}' file has no {name}")
    kind, dimensions = dataset.dtype.kind, dataset.ndim
    text = kind == "O" and h5py.check_string_dtype(dataset.dtype) is not None
    if kind not in kinds[0] or (kind == "O" and not text):
        raise Misfit(f"{name} holds {shown(str(dataset.dtype))}, not what a '{layout}' file has there")
    if kinds[1] not in (None, dimensions):
        raise Misfit(f"{name} has {dimensions} dimensions, not {kinds[1]}")


def _require_attribute(file: h5py.File, name: str, size: int) -> None:
    if file.attrs.get_id(name).get_storage_size() > size:
        raise Misfit(f"the attribute {name} declares more than the file has")
    value = file.attrs[name]
    if name in NUMBERS:
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
            raise Misfit(f"the attribute {name} is {shown(value)}, not a whole number")
    elif not isinstance(value, str):
        raise Misfit(f"the attribute {name} is {shown(value)}, not text")
    elif name in MAPPINGS:
        found = _parsed(name, value)
        if not isinstance(found, dict):
            raise Misfit(f"the attribute {name} is {shown(value)}, not a JSON object")
        if name == "preprocessing" and not all(isinstance(found.get(part), (int, float)) for part in ("mean", "std")):
            raise Misfit(f"the attribute {name} is {shown(value)}, without the numbers mean and std")


def _parsed(name: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Misfit(f"the attribute {name} is not JSON ({error})") from None


def specification(text: object) -> Ensemble:
    """Return the specification in a file's attribute `spec`.

    Raises
    ------
    Misfit
        If it is not JSON, lacks a field, has one that is not known here (it is of another version), or one of another
        type than `to_json` writes.
    """
    try:
        spec = Ensemble.from_json(str(text))
        same = json.loads(str(text)) == json.loads(spec.to_json())
        names = (spec.name, spec.checkpoints.names())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise Misfit(f"its specification cannot be read here ({type(error).__name__}: {error})") from None
    if not same or not all(isinstance(part, str) for part in names[1]):
        raise Misfit("its specification is not as this version writes it")
    sizes = (
        *spec.answers.steps,
        spec.image_size,
        spec.examples,
        spec.validation_examples,
        spec.batch_size,
        spec.epochs,
        *spec.widths,
    )
    if not spec.members or not all(type(size) is int and 0 < size < 2**31 for size in (*sizes, spec.evaluate_every)):
        raise Misfit("its specification has no members, or sizes that are not positive whole numbers")
    return spec


def _require_members(spec: Ensemble, datasets: Datasets) -> None:
    """Raise `Misfit` unless every array is of the specification's members and epochs, and the members are its own."""
    count = len(spec.members)
    for name, dataset in datasets.items():
        wanted = (count, spec.epochs) if name.startswith("history/") else (count, *dataset.shape[1:])
        if name.startswith("answers/"):
            looks, asked = len(spec.answers.steps), spec.answers.asked
            shapes = {"step": (looks,), "labels": (count, asked), "correct": (count, looks, -(-asked // 8))}
            wanted = shapes[name.removeprefix("answers/")]
        if dataset.shape != wanted:
            raise Misfit(f"{name} is of shape {dataset.shape}, where the specification has {wanted}")
    for factor, wanted in spec.factors.items():
        if f"members/{factor}" not in datasets:
            raise Misfit(f"members/{factor} is missing")
        values = datasets[f"members/{factor}"]
        found = (values.asstr()[:] if values.dtype.kind == "O" else values[:]).tolist()
        if found != wanted:
            raise Misfit(f"members/{factor} is not that of the specification")
