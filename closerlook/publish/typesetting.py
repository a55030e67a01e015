"""From typst sources, figures and numbers to the PDF: of all papers of a scale, or of one."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import typst

from closerlook import store
from closerlook.config.papers import Paper

MAIN = "main.typ"
SHARED = ("style.typ", "results.typ", "references.bib", "sections")
"""What all papers share beside it, of the folder ``papers/``."""


class PaperError(ValueError):
    """The paper cannot be typeset; the message is one line that names what is missing or wrong."""


def typeset(
    papers: Sequence[Paper], results: Path, output: Path, shared: Path, log: Callable[[str], None] = print
) -> None:
    """Compile the sections of some papers into one PDF.

    Nothing but the arguments enters: fonts are the compiler's own, and the sources give the document no date. So the
    same sources and results give the same bytes on every machine.

    Parameters
    ----------
    papers : sequence of Paper
        Whose text it is, at least one. They may lie anywhere; a paper without a ``section.typ`` shows its figures.
    results : Path
        ``results/<scale>``, from where every number and figure is read.
    output : Path
        The PDF; it appears whole or not at all.
    shared : Path
        The folder ``papers/`` of closerlook, with `MAIN` and `SHARED`.
    log : callable
        Receives the compiler's warnings, a line each.

    Raises
    ------
    PaperError
        If a source is wrong, or the results lack a claim, a number or a file that the text quotes.
    """
    with _staged(papers, results, shared) as root:
        compiler = typst.Compiler(
            str(root / "papers" / MAIN),
            root=str(root),
            ignore_system_fonts=True,
            sys_inputs={"results": "/results", "papers": json.dumps([front_matter(paper) for paper in papers])},
        )
        folders = {paper.name: paper.folder for paper in papers}
        try:
            pdf, warnings = compiler.compile_with_warnings(format="pdf", timestamp=0)
        except typst.TypstError as error:
            raise PaperError(f"{output.name}: {_one_line(error, shared, folders)}") from None
    for warning in warnings:
        log(f"{output.name}: warning: {_one_line(warning, shared, folders)}")
    with store.replacing(output) as temporary:
        temporary.write_bytes(pdf)


def front_matter(paper: Paper) -> dict[str, object]:
    """Return what the sources are told of a paper: its folder as they see it, its front matter, which files it has."""
    files = {"section": "section.typ", "methods": "methods.typ", "references": "references.bib"}
    return {
        "name": paper.name,
        "folder": f"/papers/{paper.name}",
        "title": paper.title,
        "authors": list(paper.authors),
        "citation": paper.citation,
        **{key: paper.file(name) is not None for key, name in files.items()},
    }


@contextmanager
def _staged(papers: Sequence[Paper], results: Path, shared: Path) -> Iterator[Path]:
    """Lay links to sources and results under one root, for typst reads nothing elsewhere; give the root.

    So a paper of one's own imports ``../results.typ`` as ours do, and no path of the machine is known to the document.
    """
    links = {name: shared / name for name in SHARED}
    for paper in papers:
        if paper.name in links:
            raise PaperError(f"{paper.folder}: a paper cannot be called {paper.name}; rename its folder")
        links[paper.name] = paper.folder
    with tempfile.TemporaryDirectory(prefix="closerlook-typeset-") as folder:
        root = Path(folder).resolve()
        (root / "papers").mkdir()
        (root / "results").symlink_to(results.resolve())
        for name, place in links.items():
            (root / "papers" / name).symlink_to(place.resolve())
        shutil.copy(shared / MAIN, root / "papers")  # typst looks behind a link of its first file, and none other
        yield root


def _one_line(problem: typst.TypstError | typst.TypstWarning, shared: Path, folders: Mapping[str, Path]) -> str:
    """Return what the compiler says and where; a deliberate stop of ours says it all itself."""
    message = " ".join(problem.message.split())
    if message.startswith("panicked with: "):
        return message.removeprefix("panicked with: ")
    place = re.search(r"┌─ \S*?papers/(\S+:\d+):\d+", problem.diagnostic)
    if not place:
        return message
    first, _, rest = place[1].partition("/")
    source = folders[first] / rest if first in folders else shared / place[1]
    return f"{message} ({source})"
