"""The HDF5 layouts that lie between the steps: atomic writes, checked reads (`docs/files.md` documents the layouts).

A file appears under its name whole or not at all, carries no time, host or commit, and is refused on reading with one
line when it is truncated or has lost a part.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from closerlook.layout import Layout
from closerlook.refusal import one_line
from closerlook.spec import Ensemble, plain
from closerlook.store.inspection import Misfit, differences, parsed, require_layout
from closerlook.store.layouts import layout_of, sizes
from closerlook.things import ThingError


class StoreError(Exception):
    """A file between the steps is missing, truncated, or not of the layout that it should have."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class Unreachable(StoreError):
    """A file that cannot be read now, and may be whole: open elsewhere, refused by the system, or of no layout here."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name in the folder of `path`; move it to `path` once the block has ended well.

    The content is flushed to disk before the rename; when the block raises, nothing stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class _TimelessFile(h5py.File):
    """A new file in which no object carries a time: groups that HDF5 makes on the way to a dataset would."""

    def __setitem__(self, name: str, value: object) -> None:
        folder, _, leaf = name.rpartition("/")
        group = self.require_group(folder) if folder else self
        group.create_dataset(leaf, data=value)


@contextmanager
def create(path: str | Path, layout: str) -> Iterator[h5py.File]:
    """Yield a new HDF5 file that appears as `path`, complete and checked against `layout`, when the block ends well.

    Raises
    ------
    StoreError
        If what the block wrote is not what the layout says; nothing is left of it.
    Unreachable
        If there is no such layout; the block does not run.
    """
    wanted = _layout(layout, path)
    # Nobody else knows the temporary name, so no lock is needed, which not every file system has. Files of later
    # formats are marked while they are written, and refused ever after where that process was killed.
    with replacing(path) as temporary, _TimelessFile(temporary, "w", libver=("v108", "v108"), locking=False) as file:
        yield file
        _require(file, layout, wanted, Path(path), "so it was not written")


@contextmanager
def read(path: str | Path, layout: str) -> Iterator[h5py.File]:
    """Yield the HDF5 file `path`, open for reading and checked against `layout`.

    Raises
    ------
    StoreError
        If it is missing or truncated, lacks a part that the layout promises or the reader asks for, or is not what its
        layout and specification say; the message is one line with the file's name and the remedy.
    Unreachable
        If it cannot be read now and may be whole: also where `layout` is a measure's that is not known here.
    """
    path, wanted = Path(path), _layout(layout, path)
    with _open(path) as file:
        _inspect(file, layout, wanted, path)
        try:
            yield file
        except OSError as error:
            raise _refused(path, error, "damaged") from None
        except KeyError as error:
            if "Unable to" not in str(error):  # h5py's own begin so: a part that this reader needs is not there
                raise
            raise StoreError(f"{path}: lacks a part ({_first_line(error)}); delete it and run again") from None


def _layout(name: str, path: str | Path) -> Layout:
    """Return a layout; that there is none here says nothing of the file."""
    try:
        return layout_of(name)
    except ThingError as error:
        raise Unreachable(f"{path}: {error}") from None


def _open(path: Path) -> h5py.File:
    """Open a file for reading. Results are replaced, never changed, so a reader needs no lock."""
    try:
        if not path.is_file():
            raise StoreError(f"{path}: no such file")
        return h5py.File(path, "r", locking=False)
    except (OSError, RuntimeError) as error:
        raise _refused(path, error, "not a complete HDF5 file") from None


def _refused(path: Path, error: Exception, damage: str) -> StoreError:
    """Return how a failure to read is told: what the system refuses is no damage to be deleted."""
    why = _first_line(error)
    if "already open for write" in why:
        return Unreachable(
            f"{path}: open for writing elsewhere, or was when a notebook that changed it was killed ({why}); "
            "end that program; if none is left, `h5clear --status` of HDF5's tools frees the file"
        )
    if "flag values don't match" in why:
        return Unreachable(f"{path}: this very program has it open in another way ({why}); close it first")
    number = getattr(error, "errno", None) or int((re.search(r"errno = (\d+)", why) or [0, 0])[1])
    if not number:
        return StoreError(f"{path}: {damage} ({why}); delete it and run again")
    return Unreachable(f"{path}: cannot be read now ({os.strerror(number)}); {_remedy(number)}")


def _remedy(number: int) -> str:
    if number in (errno.EAGAIN, errno.EBUSY, errno.ETXTBSY):
        return "another program has it open, perhaps a notebook: close it there and run again"
    if number in (errno.EACCES, errno.EPERM):
        return "it belongs to another user, or its mode or its folder's keeps you out: chmod it and run again"
    if number in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
        return "its file system has no locks: set HDF5_USE_FILE_LOCKING=FALSE and run again"
    if number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return "the machine has no more of that: end other programs and run again"
    return "the disk or the network's file system fails: mend that and run again"


def _inspect(file: h5py.File, name: str, layout: Layout, path: Path) -> None:
    try:
        _require(file, name, layout, path, "delete it and run again")
    # In damaged metadata h5py fails in all of these ways.
    except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
        raise _refused(path, error, "damaged") from None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _require(file: h5py.File, name: str, layout: Layout, path: Path, outcome: str) -> None:
    try:
        known = sizes(_specification(file)) if name == "trained" and "spec" in file.attrs else {}
        require_layout(file, name, layout, known)
    except Misfit as misfit:
        raise StoreError(f"{path}: {misfit}; {outcome}") from None


def write_members(group: h5py.Group, spec: Ensemble) -> None:
    """Write one dataset per factor of the members, in their order: numbers as they are, names as UTF-8 text."""
    for factor, values in spec.factors.items():
        text = isinstance(values[0], str)
        group.create_dataset(factor, data=values, dtype=h5py.string_dtype() if text else np.asarray(values).dtype)


def read_members(file: h5py.File) -> dict[str, np.ndarray]:
    """Return the factors of a trained ensemble's members: name -> array of shape (member,)."""
    return {
        name: (data.asstr()[:] if h5py.check_string_dtype(data.dtype) else data[:])
        for name, data in file["members"].items()
    }


def read_spec(file: h5py.File) -> Ensemble:
    """Return the specification that the file carries.

    Raises
    ------
    StoreError
        If it is not a specification as this version writes it.
    """
    try:
        return _specification(file)
    except Misfit as misfit:
        raise StoreError(f"{file.filename}: {misfit}; delete it and run again") from None


def _specification(file: h5py.File) -> Ensemble:
    try:
        return Ensemble.from_json(str(file.attrs["spec"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise Misfit(f"its specification cannot be read here ({_first_line(error)})") from None


def require_planned(file: h5py.File, spec: str, settings: object = None) -> None:
    """Refuse a file that was made otherwise than the plan says: old results under a new configuration.

    Parameters
    ----------
    file : h5py.File
        An open `trained.h5` or measure's file.
    spec : str
        What the plan trains there, as `closerlook.spec.Ensemble.to_json` writes it; of a measure over an experiment
        what `specs` writes.
    settings : dataclass, optional
        The options that a measure has in the plan.

    Raises
    ------
    StoreError
        One line that names the first difference and the remedy.
    """
    planned = {"spec": json.loads(spec)} | ({} if settings is None else {"settings": plain(settings)})
    for name, wanted in planned.items():
        try:
            found = parsed(name, str(file.attrs[name]))
        except Misfit as misfit:
            raise StoreError(f"{file.filename}: {misfit}; delete it and run again") from None
        for difference in differences(found, wanted):
            raise StoreError(f"{file.filename}: made otherwise than planned ({difference}); delete it and run again")


def require_trained_as_planned(paths: Sequence[str | Path], planned: Sequence[str]) -> None:
    """Refuse a `trained.h5` that is of another specification than the plan's for it (see `require_planned`)."""
    for path, spec in zip(paths, planned, strict=True):
        with read(path, "trained") as file:
            require_planned(file, spec)


def specs(ensembles: Sequence[Ensemble]) -> str:
    """Return several specifications as one text, as a measure over an experiment keeps them."""
    return json.dumps([json.loads(spec.to_json()) for spec in ensembles])


def write_attributes(file: h5py.File, **attributes: object) -> None:
    """Write root attributes; what is neither text nor a number goes in as JSON with sorted keys."""
    for name, value in attributes.items():
        file.attrs[name] = value if isinstance(value, (str, int, float)) else json.dumps(value, sort_keys=True)
