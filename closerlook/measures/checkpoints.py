"""What measures read of `trained.h5`: the parameters of its members at its checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import torch
from jaxtyping import Float
from torch import Tensor

from closerlook.nets.network import Network
from closerlook.store import StoreError


def require_checkpoints(file: h5py.File, path: Path, checkpoints: Sequence[str], network: Network) -> None:
    """Raise `StoreError` unless the file has the checkpoints, with parameters of the network's shapes."""
    if missing := [name for name in checkpoints if name not in file["checkpoints"]]:
        present = ", ".join(sorted(file["checkpoints"])) or "none"
        raise StoreError(f"{path}: no checkpoint {', '.join(missing)}; it has {present}")
    for name in checkpoints:
        for part, shape in network.shapes.items():
            stored = file[f"checkpoints/{name}/{part}"].shape[1:]
            if stored != tuple(shape):  # a smaller one would be broadcast
                raise StoreError(f"{path}: checkpoints/{name}/{part} is of shape {stored} a member, not {tuple(shape)}")


def parameters_at(file: h5py.File, network: Network, checkpoint: str, member: int) -> Float[Tensor, "1 parameter"]:
    """Return a member's parameters at a checkpoint; not finite where it diverged or never got there."""
    parameters = torch.empty(1, network.size)
    for part, view in network.views(parameters).items():
        view[0].copy_(torch.from_numpy(file[f"checkpoints/{checkpoint}/{part}"][member]))
    return parameters
