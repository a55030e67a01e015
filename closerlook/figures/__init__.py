"""The figures, a module each, with `draw(table) -> Figure`; the table is made by the module of its name in `tables`.

A small figure may have its table's part, `MEASURES`, `COLUMNS`, `tabulate` and `prose`, in the one module.
Beside them: `style` (the house style), `levels` and `labels` (what several figures draw alike), and `rendering` (one
figure to its CSV, JSON, SVG and PDF).
"""

from closerlook.tables import TABLES
from closerlook.things import Room, constant

FIGURES = Room(__name__, "figure", "draw", aside=("labels", "levels", "rendering", "style"))
"""Every figure; its module draws it."""


def modules_of(figure: str) -> tuple[str, ...]:
    """Return the dotted names of the modules that tabulate and draw a figure; nothing is imported.

    Raises
    ------
    ThingError
        If there is no figure of that name.
    """
    drawn = FIGURES.modules(figure)
    return (*TABLES.modules(figure), *drawn) if figure in TABLES else drawn


def measures_of(figure: str) -> tuple[str, ...]:
    """Return the measures that a figure shows, as the module of its table says; nothing is imported.

    Raises
    ------
    ThingError
        If there is no figure of that name, or it does not say so by a literal `MEASURES`.
    """
    return constant(modules_of(figure)[0], "MEASURES")
