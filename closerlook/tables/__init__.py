"""The tables of figures, a module each: what it measures, its columns, `tabulate`, and what the text quotes of it.

Beside them: `rows` (trained.h5 and curvature.h5 to tidy rows), `answers`, `criticality`, `sensitivities`, `regularized`
(likewise of one kind), `sweeps` (what figures and claims both derive from the rows), `statistics` (means and their
uncertainty) and `prose` (what texts quote). Nothing here draws.
"""

from closerlook.things import Room

TABLES = Room(
    __name__,
    "table",
    "tabulate",
    aside=("answers", "cells", "criticality", "prose", "regularized", "rows", "sensitivities", "statistics", "sweeps"),
)
"""Every table that is not in its figure's own module."""
