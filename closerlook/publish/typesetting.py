"""From typst sources, figures and numbers to the PDF."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import typst

from closerlook import store


class PaperError(ValueError):
    """The paper cannot be typeset; the message is one line that names what is missing or wrong."""


def typeset(main: Path, results: Path, output: Path, log: Callable[[str], None] = print) -> None:
    """Compile the paper of one scale.

    Nothing but the arguments enters: fonts are the compiler's own, and the sources give the document no date. So the
    same sources and results give the same bytes on every machine.

    Parameters
    ----------
    main : Path
        ``papers/main.typ``; it reads every number from `results`.
    results : Path
        ``results/<scale>``.
    output : Path
        The PDF; it appears whole or not at all.
    log : callable
        Receives the compiler's warnings, a line each.

    Raises
    ------
    PaperError
        If a source is wrong, or the results lack a claim, a column or a file that the text quotes.
    """
    # Typst reads nothing above its root; sources and results may lie in different folders (`--directory`).
    root = Path(os.path.commonpath([main.resolve().parent, results.resolve()]))
    compiler = typst.Compiler(
        str(main),
        root=str(root),
        ignore_system_fonts=True,
        sys_inputs={"results": "/" + results.resolve().relative_to(root).as_posix()},
    )
    try:
        pdf, warnings = compiler.compile_with_warnings(format="pdf", timestamp=0)
    except typst.TypstError as error:
        raise PaperError(f"{main}: {_one_line(error)}") from None
    for warning in warnings:
        log(f"{main}: warning: {_one_line(warning)}")
    with store.replacing(output) as temporary:
        temporary.write_bytes(pdf)


def _one_line(problem: typst.TypstError | typst.TypstWarning) -> str:
    """Return what the compiler says and where; a deliberate stop of ours says it all itself."""
    message = " ".join(problem.message.split())
    if message.startswith("panicked with: "):
        return message.removeprefix("panicked with: ")
    place = re.search(r"┌─ (\S+:\d+):\d+", problem.diagnostic)
    return f"{message} ({place[1]})" if place else message
