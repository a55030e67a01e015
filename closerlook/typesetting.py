"""From typst sources, figures and numbers to the PDF."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import typst

from closerlook import store

EPOCH = datetime(2017, 1, 1, tzinfo=UTC)
"""The PDF's time stamp: a fixed one, so that the same inputs give the same bytes. (The year of the papers.)"""


def typeset(main: Path, results: Path, output: Path) -> None:
    """Compile the paper of one scale.

    Parameters
    ----------
    main : Path
        ``paper/main.typ``; it reads every number from `results`.
    results : Path
        ``results/<scale>``, below the working directory, as `main` is.
    output : Path
        The PDF; it appears whole or not at all.

    Raises
    ------
    ValueError
        If typst refuses the sources; the message is its own, on one line.
    """
    root = Path.cwd()
    try:
        pdf = typst.compile(
            str(main),
            root=str(root),
            sys_inputs={"results": "/" + results.resolve().relative_to(root.resolve()).as_posix()},
            timestamp=int(EPOCH.timestamp()),
        )
    except typst.TypstError as error:
        raise ValueError(f"{main}: {error.message}") from None
    with store.replacing(output) as temporary:
        temporary.write_bytes(pdf)
