"""Data sets of the user's own, named in `config.yaml`: their options, and what is known of them without reading them.

`use` makes them things of `closerlook.data.sets`, in this process and in those that it starts. The first time a file
is seen it is read whole and held against what can be trained on; what was found stands in a small file beside the data
until the file changes, so that a later start reads no data.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from closerlook.data.sets import OWN, READER, SETS, DataError
from closerlook.refusal import shown
from closerlook.spec import Count

NAME = re.compile("[A-Za-z][A-Za-z0-9_-]{0,63}")
"""It becomes a file's and a folder's."""

CACHE = Path("data", "own.json")
"""What was found in each file, seen from the working directory."""


@dataclass(frozen=True, kw_only=True)
class OwnDataSet:
    """A data set of your own, from an .npz file or a folder of pictures; no code is needed."""

    file: str
    """an .npz file of images and labels, or a folder <class>/<picture> (or train/<class>, test/<class>)"""
    title: str | None = None
    """what figures and texts call it; null: its name here"""
    training: Count | None = None
    """training examples; the others of the training split validate; null: five sixths"""
    shuffle: bool = True
    """whether the examples are put in a random order before they are split, always the same; false: as in the file"""
    licence: str = "not stated"
    """what the provenance says of its licence"""


def use(own: Mapping[str, OwnDataSet], folder: str | Path = ".", cache: Path = CACHE) -> None:
    """Make these the user's own data sets, here and in the processes started from here; others are no longer.

    Parameters
    ----------
    own : mapping
        Name -> its options.
    folder : path
        Where relative paths start: the folder of the configuration.
    cache : Path
        Where to keep what was found.

    Raises
    ------
    DataError
        If a data set cannot be trained on; the line names its key in the configuration.
    """
    os.environ.pop(OWN, None)
    described = {name: _described(name, options, Path(folder), cache) for name, options in own.items()}
    if described:
        os.environ[OWN] = json.dumps(described)


def _described(name: str, options: OwnDataSet, folder: Path, cache: Path) -> dict[str, Any]:
    key = f"data.own.{name}"
    if not NAME.fullmatch(name):
        raise DataError(f"data.own: {shown(name)} is not a name; allowed: a letter, then letters, digits, _ and -")
    if name in SETS:
        raise DataError(f"{key}: there is a data set of this name already; give it another")
    path = Path(os.path.abspath(folder / Path(options.file).expanduser()))
    try:
        found = _facts(path, options.shuffle, cache)
    except (DataError, OSError) as error:
        raise DataError(f"{key}.file: {error}") from None
    examples = found.pop("examples")
    training = examples * 5 // 6 if options.training is None else options.training
    if not 1 <= training < examples:
        raise DataError(f"{key}.training: {training} of {examples} examples leave none to validate on")
    return {
        **{field: value for field, value in asdict(options).items() if field in ("licence", "shuffle")},
        "title": options.title or name,
        "file": str(path),
        "training": training,
        "validation": examples - training,
        **found,
    }


def _facts(path: Path, shuffle: bool, cache: Path) -> dict[str, Any]:
    """Return what `closerlook.data.fetching.own.facts` found in a file or folder, from the cache if it is as it was."""
    known, key, stamp = _known(cache), f"{path} {shuffle}", _stamp(path)
    if known.get(key, {}).get("stamp") != stamp:
        reader = import_module(READER)  # NumPy, and only where there is something new
        known[key] = {"stamp": stamp, "facts": reader.facts(reader.read_own(path, shuffle))}
        _keep(known, cache)
    return dict(known[key]["facts"])


def _stamp(path: Path) -> str:
    """Return what changes with a file, or with any file below a folder: names, sizes, times."""
    if not path.exists():
        raise DataError(f"{path} is not there")
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    lines = (f"{each} {(status := each.stat()).st_size} {status.st_mtime_ns}" for each in files)
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


def _known(cache: Path) -> dict[str, Any]:
    try:
        known = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _keep(known: Mapping[str, Any], cache: Path) -> None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary = cache.with_name(f"{cache.name}.{os.getpid()}")
        temporary.write_text(json.dumps(known, indent=1), encoding="utf-8")
        os.replace(temporary, cache)
    except OSError:
        pass  # where nothing can be written the file is read again
