"""What the machine has, told without importing torch: the Snakefile asks."""

from __future__ import annotations

import os
from pathlib import Path

DEVICES = Path("/dev")


def count_gpus() -> int:
    """Return how many NVIDIA GPUs this process may use, by their device files and `CUDA_VISIBLE_DEVICES`.

    The variable may name one where there is none (a login node, a profile written for another machine), and several
    parts of one (MIG), which are one device file.
    """
    there = len(list(DEVICES.glob("nvidia[0-9]*")))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return there
    return min(there, len([name for name in visible.split(",") if name.strip() not in ("", "-1")]))


def memory_here() -> int:
    """Return the bytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
