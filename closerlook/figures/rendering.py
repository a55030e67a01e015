"""One figure from its measurements to its files: the tidy CSV, and the same drawing as SVG and PDF, undated."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
from matplotlib.figure import Figure

from closerlook.figures import style
from closerlook.store import replacing
from closerlook.tables import rows as tables

UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None, "ModDate": None}}
"""Metadata that would differ from run to run."""


def render(
    figure: str,
    trained: Sequence[str | Path],
    measured: Sequence[str | Path],
    targets: str | Path | None,
    table_path: str | Path,
    svg_path: str | Path,
    pdf_path: str | Path,
) -> None:
    """Tabulate and draw a figure; write its table and both drawings, each whole or not at all.

    It is drawn from the table as written, so the CSV holds everything that the drawing shows.

    Parameters
    ----------
    figure
        Name of a module of `closerlook.figures` with `tabulate` and `draw`, such as ``capacity``.
    trained
        The trained.h5 of its ensembles.
    measured
        The files of the module's `MEASURES` beside them, such as curvature.h5.
    targets
        CSV of the original paper's values, or None.
    table_path, svg_path, pdf_path
        Where the results go.

    Raises
    ------
    ValueError
        If there is no such figure, or its inputs do not fit together.
    StoreError
        If an input is missing or damaged.
    """
    module = figure_module(figure)
    files = {name: [Path(path) for path in measured if Path(path).stem == name] for name in module.MEASURES}
    table = module.tabulate([Path(path) for path in trained], files, Path(targets) if targets else None)
    tables.write_table(table, table_path)
    drawing = module.draw(tables.read_table(table_path))
    save(drawing, svg_path, "svg")
    save(drawing, pdf_path, "pdf")


def figure_module(figure: str) -> ModuleType:
    """Return the module of a figure.

    Raises
    ------
    ValueError
        If `closerlook.figures` has no module of that name with `MEASURES`, `tabulate` and `draw`.
    """
    name = f"{__package__}.{figure}"
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        module = None
    if not all(hasattr(module, name) for name in ("MEASURES", "tabulate", "draw")):
        raise ValueError(
            f"figure '{figure}': closerlook/figures has no module of that name with MEASURES, tabulate and draw"
        )
    return module


def save(drawing: Figure, path: str | Path, form: str) -> None:
    """Write a drawing as `form` ("svg", "pdf" or "png") without a date, so the same drawing gives the same bytes."""
    with replacing(path) as temporary, mpl.rc_context(style.HOUSE):
        drawing.savefig(temporary, format=form, metadata=UNDATED.get(form))
