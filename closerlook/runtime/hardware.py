"""What the machine has, told without importing torch: the Snakefile asks."""

from __future__ import annotations

import os
from pathlib import Path


def count_gpus() -> int:
    """Return how many NVIDIA GPUs this process may use, by their device files and `CUDA_VISIBLE_DEVICES`."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in ("", "-1")])
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def memory_here() -> int:
    """Return the bytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
