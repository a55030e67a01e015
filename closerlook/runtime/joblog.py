"""How a job speaks: lines into its log file, and one line where it fails for a reason that a user can mend."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from closerlook.refusal import one_line
from closerlook.store import StoreError

EXPECTED = (StoreError, ValueError, OSError, MemoryError)
"""What bad input or too small a machine raises: its message is the line that matters, a traceback would hide it."""
NO_MEMORY = ("can't allocate memory", "out of memory")
"""What stands in a `RuntimeError` of torch that is one of memory, on a CPU and on a GPU."""


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
        except (*EXPECTED, RuntimeError) as error:
            if not _expected(error):
                raise
            line = one_line(str(error) or "out of memory")
            log(f"error: {line}")
            traceback.print_exc(file=file)
            sys.exit(f"error: {line}")


def _expected(error: Exception) -> bool:
    return isinstance(error, EXPECTED) or any(words in str(error) for words in NO_MEMORY)
