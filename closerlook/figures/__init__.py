"""The figures: one module each, with `tabulate(...) -> DataFrame` and `draw(DataFrame) -> Figure`; no torch here.

Beside them: `tables` (trained.h5 and curvature.h5 to tidy rows), `sweeps` (what figures and claims both derive from
the rows), `style` (the house style) and `rendering` (one figure to its CSV, SVG and PDF).
"""

from closerlook.things import Room

FIGURES = Room(__name__, "figure", "draw", aside=("labels", "levels", "rendering", "style"))
"""Every figure; its module draws it."""
