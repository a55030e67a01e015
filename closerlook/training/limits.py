"""How much training takes at once: what the trainer keeps to, and estimates reckon with."""

from __future__ import annotations

CACHE_BYTES = {"cpu": 4 * 2**20, "cuda": 4 * 2**30}
"""Parameters of a stack and what its optimiser remembers; on a CPU what fits a core's cache was fastest
(`bench/README.md`)."""

TAPE_BYTES = {"cpu": 2**26, "cuda": 2**34}
"""What a stack's training step keeps for its backward pass: of a convolutional net far more than its parameters."""

CHUNK_BYTES = {"cpu": 2**20, "cuda": 2**30}
"""Activations of one pass of an evaluation; on a CPU they should stay in cache."""

MOST_LOOKS = 16
"""Looks at the training loss within one epoch at most: each costs a pass over the training set."""
