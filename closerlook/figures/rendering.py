"""One figure from its measurements to its files: the tidy CSV, and the same drawing as SVG and PDF, undated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pandas as pd
from matplotlib.figure import Figure

from closerlook.figures import FIGURES, style
from closerlook.store import replacing
from closerlook.tables import TABLES
from closerlook.tables import rows as tables
from closerlook.tables.prose import write_prose
from closerlook.things import ThingError

UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None, "ModDate": None}}
"""Metadata that would differ from run to run."""


def render(
    figure: str,
    trained: Sequence[str | Path],
    measured: Sequence[str | Path],
    targets: str | Path | None,
    table_path: str | Path,
    prose_path: str | Path,
    svg_path: str | Path,
    pdf_path: str | Path,
    show_targets: bool = False,
) -> None:
    """Tabulate and draw a figure; write its table, what the text quotes and both drawings, each whole or not at all.

    It is drawn and quoted from the table as written, so the CSV holds everything that the drawing shows.

    Parameters
    ----------
    figure
        Name of a module of `closerlook.figures`, such as ``capacity``; see `figure_modules`.
    trained
        The trained.h5 of its ensembles.
    measured
        The files of the table's `MEASURES` beside them, such as curvature.h5.
    targets
        CSV of the original paper's values, which the text may quote, or None.
    table_path, prose_path, svg_path, pdf_path
        Where the results go.
    show_targets
        Whether the original's values are in the table and drawn as well: where our runs have the original's size.

    Raises
    ------
    ThingError
        If there is no such figure.
    ValueError
        If its inputs do not fit together.
    StoreError
        If an input is missing or damaged.
    """
    module, drawn = figure_modules(figure)
    files = {name: [Path(path) for path in measured if Path(path).stem == name] for name in module.MEASURES}
    shown = Path(targets) if targets and show_targets else None
    tables.write_table(module.tabulate([Path(path) for path in trained], files, shown), table_path)
    table = tables.read_table(table_path)
    write_prose(quoted(module, table, tables.read_table(targets) if targets else None), prose_path)
    drawing = drawn.draw(table)
    save(drawing, svg_path, "svg")
    save(drawing, pdf_path, "pdf")


def quoted(module: ModuleType, table: pd.DataFrame, original: pd.DataFrame | None) -> Mapping[str, object]:
    """Return what the text quotes of a figure, by name; nothing where its module has no `prose`."""
    return module.prose(table, original) if hasattr(module, "prose") else {}


def figure_modules(figure: str) -> tuple[ModuleType, ModuleType]:
    """Return the modules that tabulate and draw a figure; one and the same where it has no table module.

    Raises
    ------
    ThingError
        If there is no figure of that name, or `MEASURES`, `COLUMNS`, `tabulate` or `draw` is missing.
    """
    drawn = FIGURES.module(figure)
    table = TABLES.module(figure) if figure in TABLES else drawn
    for module, names in ((table, ("MEASURES", "COLUMNS", "tabulate")), (drawn, ("draw",))):
        if missing := [name for name in names if not hasattr(module, name)]:
            raise ThingError(f"{module.__file__}: a figure needs {' and '.join(missing)}, which is not there")
    return table, drawn


def save(drawing: Figure, path: str | Path, form: str) -> None:
    """Write a drawing as `form` ("svg", "pdf" or "png") without a date, so the same drawing gives the same bytes."""
    with replacing(path) as temporary, style.settings():
        drawing.savefig(temporary, format=form, metadata=UNDATED.get(form))
