"""Which device a job runs on, and the settings under which it gives the same bytes again."""

from __future__ import annotations

import os
import platform

import h5py
import numpy as np
import torch


def prepare_device(gpus: int) -> torch.device:
    """Return the device for a job that was given so many GPUs, set up to be reproducible.

    One CPU thread a process: it is bit-reproducible, and two OpenMP threads on a busy two-core machine were ten times
    slower. No TF32 anywhere: Lanczos needs the digits.
    """
    torch.set_num_threads(1)
    # Without this MKL's sums depend on where in memory a matrix begins, and so a member on who stands before it in the
    # stack. MKL reads it at its first product.
    os.environ.setdefault("MKL_CBWR", "AUTO")
    if gpus < 1 or not torch.cuda.is_available():
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when its first handle is made
    # Only here: the call imports the compiler (seconds), and one CPU thread is deterministic without it.
    torch.use_deterministic_algorithms(True)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda")


def device_name(device: torch.device) -> str:
    """Return the GPU's name, or the processor's family."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu ({platform.machine()})"


def measured_on(device: str) -> str:
    """Return what a measure's file names as its device: the GPU, or any processor alike."""
    return "cpu" if torch.device(device).type == "cpu" else device_name(torch.device(device))


def versions() -> dict[str, str]:
    """Return the versions of the libraries whose arithmetic is in the results."""
    return {"torch": torch.__version__, "numpy": np.__version__, "h5py": h5py.__version__}
