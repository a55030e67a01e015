"""What each result on disk was made from, kept beside it: ``<folder>/.made/<file>`` holds the digest of its lineage.

The record goes where the result goes: a copied folder of results, or one whose Snakemake records are gone, is still
known for what it is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER = ".made"


def record_of(path: str | Path) -> Path:
    """Return where the record of a result lies."""
    path = Path(path)
    return path.parent / FOLDER / path.name


def is_made(paths: Iterable[str | Path], made: str) -> bool:
    """Return whether all of the results are there, and made from what the digest stands for."""
    return all(Path(path).exists() and _read(path) == made for path in paths)


def _read(path: str | Path) -> str:
    try:
        return record_of(path).read_text(encoding="utf-8")
    except OSError:
        return ""


@contextmanager
def recorded(paths: Iterable[str | Path], made: str, sources: Iterable[str | Path] = ()) -> Iterator[None]:
    """Record what results are made from, once the block that makes them has ended well.

    Those of its `sources` that are dated in the future (a clock was set back, a file was copied from elsewhere) are
    dated now: Snakemake would take the finished work for older than its input, and delete it.
    """
    paths, now = list(paths), time.time()
    for source in sources:
        if os.path.exists(source) and os.path.getmtime(source) > now:
            with suppress(OSError):  # not ours to date
                os.utime(source, (now, now))
    for path in paths:
        record_of(path).unlink(missing_ok=True)
    yield
    for path in paths:
        record = record_of(path)
        record.parent.mkdir(exist_ok=True)
        temporary = record.with_name(f"{record.name}.tmp")
        temporary.write_text(made, encoding="utf-8")
        temporary.replace(record)
