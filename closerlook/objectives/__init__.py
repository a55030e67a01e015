"""What a network is trained to minimise: a module each, whose `objective` has the methods of `objective.Objective`.

The first line of a module's docstring is what the documentation says of it.
"""

from __future__ import annotations

from closerlook.things import Room

OBJECTIVES = Room(__name__, "objective", "objective", aside=("objective",))
"""By the name that a specification gives."""
