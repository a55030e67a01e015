"""What the algorithms take at once: limits that those who work by them share with those who plan the work."""

LASS_CHUNK, LASS_TAPE_BYTES = 512, 2**28
"""Samples of one member searched at once: on a CPU the activations of an MLP stay in cache, and a convolutional net's
tape, much larger, stays below so many bytes."""
