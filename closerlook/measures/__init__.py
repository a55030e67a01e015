"""What is computed of trained networks: the room of the measures.

A measure is a folder: `__init__` declares it (`closerlook.measures.declaration.Measure`), `run` computes it, as
``run(job, options)`` that returns the arrays of its file.
"""

from closerlook.things import Room

MEASURES = Room(__name__, "measure", "measure", aside=("declaration", "job", "options"))
