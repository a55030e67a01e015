"""What differs between two runs: bytes first, then values within a tolerance."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from closerlook.publish.manifest import NAME, read_manifest, sha256

TOLERANCE = 1e-3
"""Largest relative difference of values that passes unless another is asked for."""

Values = dict[str, np.ndarray]


def compare_bytes(one: Path, other: Path) -> tuple[list[str], bool]:
    """Compare every byte of two folders; hidden files are not results.

    Returns
    -------
    lines : list of str
        One per file that differs or is in one folder only, then a summary.
    same : bool
        Whether there is no such file.
    """
    left, right = _sums(one), _sums(other)
    lines = list(_differing(left, right, "the first run", "the second run"))
    count = len(left.keys() | right.keys())
    size = sum(path.stat().st_size for path in _files(one).values())
    lines.append(f"{count} files, {size} bytes: " + (f"{len(lines)} files differ" if lines else "all the same"))
    return lines, len(lines) == 1 and count > 0


def compare_with_manifest(results: Path, manifest: Path, tolerance: float = TOLERANCE) -> tuple[list[str], bool]:
    """Compare results with another's manifest, and with the results beside it where there are some.

    Parameters
    ----------
    results : Path
        ``results/<scale>`` of this checkout.
    manifest : Path
        The other's `manifest.json`.
    tolerance : float
        Largest relative difference of values that passes (see `largest_difference`).

    Returns
    -------
    lines : list of str
        What the two were made with, where that differs; one line per file that differs; a summary.
    same : bool
        Whether all files have the same bytes, or values within the tolerance.

    Raises
    ------
    ManifestError
        If either manifest cannot be read.
    """
    ours, theirs = read_manifest(results / NAME), read_manifest(manifest)
    lines = [
        f"{key}: {ours.get(key)} here, {theirs.get(key)} there"
        for key in ("scale", "git", "config_sha256", "versions", "devices")
        if ours.get(key) != theirs.get(key)
    ]
    actual = {name: sha256(results / name) for name in ours["files"] if (results / name).is_file()}
    different = [name for name in sorted(actual.keys() & theirs["files"]) if actual[name] != theirs["files"][name]]
    only = list(_differing(actual, {name: actual.get(name, "") for name in theirs["files"]}, "here", "there"))
    bad = len(only)
    lines += only
    for name in different:
        line, close = _compare_values(name, results / name, manifest.parent / name, theirs["files"][name], tolerance)
        lines.append(f"{name}: {line}")
        bad += not close
    same_bytes = len(actual.keys() & theirs["files"]) - len(different)
    lines.append(
        f"{same_bytes} files have the same bytes, {len(different)} other bytes, {len(only)} are on one side only; "
        + (f"{bad} of them differ beyond the tolerance {tolerance:g}" if bad else "nothing beyond the tolerance")
    )
    return lines, not bad and bool(actual)


def largest_difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest absolute difference, relative to the largest magnitude in either array.

    Relative to the whole array, since single parameters near zero differ by any factor. NaN equals NaN; infinite where
    shapes, text or the places of NaN differ.
    """
    if one.shape != other.shape:
        return np.inf
    if not all(np.issubdtype(array.dtype, np.number) or array.dtype == bool for array in (one, other)):
        return 0.0 if np.array_equal(one, other) else np.inf
    one, other = one.astype(float), other.astype(float)
    if not np.array_equal(np.isnan(one), np.isnan(other)):
        return np.inf
    one, other = one[~np.isnan(one)], other[~np.isnan(other)]
    unequal = one != other
    if not unequal.any():
        return 0.0
    if not np.isfinite(one[unequal]).all() or not np.isfinite(other[unequal]).all():
        return np.inf
    finite = np.concatenate([one[np.isfinite(one)], other[np.isfinite(other)]])
    return float(np.abs(one[unequal] - other[unequal]).max() / np.abs(finite).max())


def _compare_values(name: str, ours: Path, theirs: Path, sum_there: str, tolerance: float) -> tuple[str, bool]:
    reader = READERS.get(theirs.suffix)
    if not theirs.is_file():
        return "other bytes; the other's file is not beside its manifest", False
    if sha256(theirs) != sum_there:
        return "other bytes; the other's file is not the one that its manifest lists", False
    if reader is None:
        return "other bytes; a drawing, not compared by values", True
    one, other = reader(ours), reader(theirs)
    if one.keys() != other.keys():
        return f"other bytes; not the same parts: {', '.join(sorted(one.keys() ^ other.keys())[:3])}", False
    part, largest = max(((key, largest_difference(one[key], other[key])) for key in one), key=lambda pair: pair[1])
    if largest == np.inf:
        return f"other bytes; '{part}' differs in more than rounding", False
    within = "within" if largest <= tolerance else "BEYOND"
    return (
        f"other bytes; largest relative difference {largest:.2g} ('{part}'), {within} {tolerance:g}",
        within == "within",
    )


def _read_hdf5(path: Path) -> Values:
    values: Values = {}

    def collect(name: str, node: h5py.Dataset | h5py.Group) -> None:
        if isinstance(node, h5py.Dataset):
            values[name] = (node.asstr() if h5py.check_string_dtype(node.dtype) else node)[()]

    with h5py.File(path, "r", locking=False) as file:
        file.visititems(collect)
    return {name: np.asarray(value) for name, value in values.items()}


def _read_csv(path: Path) -> Values:
    table = pd.read_csv(io.BytesIO(path.read_bytes()), keep_default_na=False, na_values=[""])
    return {name: column.to_numpy() for name, column in table.items()}


def _read_json(path: Path) -> Values:
    """Return the numbers and words of a JSON file by their place in it; what says with what it was made is left out."""

    def leaves(place: str, node: Any) -> Iterator[tuple[str, np.ndarray]]:
        if isinstance(node, dict | list):
            pairs = node.items() if isinstance(node, dict) else enumerate(node)
            for key, value in pairs:
                yield from leaves(f"{place}/{key}".lstrip("/"), value)
        else:
            yield place, np.asarray(np.nan if node is None else node)

    content = json.loads(path.read_text(encoding="utf-8"))
    return dict(leaves("", {key: value for key, value in content.items() if key not in ("versions", "devices")}))


READERS: dict[str, Callable[[Path], Values]] = {".h5": _read_hdf5, ".csv": _read_csv, ".json": _read_json}


def _files(folder: Path) -> dict[str, Path]:
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path for path in sorted(paths)}


def _sums(folder: Path) -> dict[str, str]:
    return {name: sha256(path) for name, path in _files(folder).items()}


def _differing(left: dict[str, str], right: dict[str, str], here: str, there: str) -> Iterator[str]:
    for name in sorted(left.keys() | right.keys()):
        if name not in right:
            yield f"{name}: only in {here}"
        elif name not in left:
            yield f"{name}: only in {there}"
        elif left[name] != right[name]:
            yield f"{name}: other bytes"
