"""How a job speaks: lines into its log file, and one line where it fails for a reason that a user can mend."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from closerlook.refusal import one_line
from closerlook.store import StoreError

EXPECTED = (StoreError, ValueError, OSError)
"""What bad input raises: its message is the line that matters, and a traceback would hide it."""


@contextmanager
def job_log(path: str | Path) -> Iterator[Callable[[str], None]]:
    """Yield a function that writes a line to the log file at once.

    An expected failure ends the job with its message as one line on the error stream and in the log, where the
    traceback follows; anything else is a defect of ours and passes through.
    """
    with Path(path).open("w", encoding="utf-8") as file:

        def log(line: str) -> None:
            print(line, file=file, flush=True)

        try:
            yield log
        except EXPECTED as error:
            line = one_line(error)
            log(f"error: {line}")
            traceback.print_exc(file=file)
            sys.exit(f"error: {line}")
