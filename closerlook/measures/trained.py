"""What every measure starts from and ends with: an ensemble's `trained.h5` with its data, and the measure's file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import torch
from jaxtyping import Float
from torch import Tensor

from closerlook import nets, store
from closerlook.data.loading import TrainingData, load_training_data
from closerlook.nets.network import Network
from closerlook.runtime.device import measured_on, versions
from closerlook.spec import Ensemble
from closerlook.store import StoreError


@dataclass(frozen=True)
class Trained:
    """An ensemble's `trained.h5`, open, with the data its members saw and the network they share."""

    path: Path
    file: h5py.File
    spec: Ensemble
    data: TrainingData
    network: Network

    def require(self, checkpoints: Sequence[str]) -> None:
        """Raise `StoreError` unless the file has the checkpoints, with parameters of the network's shapes."""
        if missing := [name for name in checkpoints if name not in self.file["checkpoints"]]:
            present = ", ".join(sorted(self.file["checkpoints"])) or "none"
            raise StoreError(f"{self.path}: no checkpoint {', '.join(missing)}; it has {present}")
        for name in checkpoints:
            for part, shape in self.network.shapes.items():
                stored = self.file[f"checkpoints/{name}/{part}"].shape[1:]
                if stored != tuple(shape):  # a smaller one would be broadcast
                    raise StoreError(
                        f"{self.path}: checkpoints/{name}/{part} is of shape {stored} a member, not {tuple(shape)}"
                    )

    def parameters(self, checkpoint: str, member: int) -> Float[Tensor, "1 parameter"]:
        """Return a member's parameters at a checkpoint; not finite where it diverged or never got there."""
        parameters = torch.empty(1, self.network.size)
        for part, view in self.network.views(parameters).items():
            view[0].copy_(torch.from_numpy(self.file[f"checkpoints/{checkpoint}/{part}"][member]))
        return parameters


@contextmanager
def open_trained(path: Path, data: Path, noise: Mapping[str, Path]) -> Iterator[Trained]:
    """Open `trained.h5` and load the data of its ensemble.

    Parameters
    ----------
    path, data : Path
        `trained.h5` and the data set.
    noise : mapping of str to Path
        The corrupted training sets by noise kind.

    Raises
    ------
    closerlook.store.StoreError
        If a file is damaged or does not belong to the others.
    """
    with store.read(path, "trained") as file:
        spec = store.read_spec(file)
        loaded = load_training_data(spec, data, noise)
        yield Trained(path, file, spec, loaded, nets.build(spec, loaded.pool.shape[1:], loaded.classes))


@contextmanager
def create_measured(
    path: Path, layout: str, spec: Ensemble, settings: Mapping[str, object], device: str
) -> Iterator[h5py.File]:
    """Make a measure's file, which appears whole or not at all, with what was measured, how, and on what device."""
    with store.create(path, layout) as file:
        yield file
        store.write_attributes(
            file, spec=spec.to_json(), settings=dict(settings), versions=versions(), device=measured_on(device)
        )
