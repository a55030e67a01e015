"""What holds of every drawing."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure


def check_drawing(drawing: Figure) -> None:
    """All panels are labelled, hold data, and nothing drawn lies outside the limits or is invisible."""
    drawing.canvas.draw()
    assert drawing.axes
    for axes in drawing.axes:
        assert axes.get_xlabel()
        assert axes.get_ylabel()
        drawn = [line for line in axes.lines if len(line.get_xdata())]
        assert drawn or any(isinstance(part, PathCollection) for part in axes.collections)
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        for line in drawn:
            assert line.get_visible()
            x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
            if line.get_transform() == axes.transData:  # not the reference lines across a panel
                assert ((x >= left) & (x <= right)).all()
                assert ((y >= bottom) & (y <= top)).all()


def note_of(drawing: Figure) -> str:
    return drawing._supxlabel.get_text().replace("\n", " ")
