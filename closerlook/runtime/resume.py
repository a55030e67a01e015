"""A training job's state on disk, so that a killed job goes on where it was and ends with the same bytes.

The state is that at the end of an epoch. Random numbers need no state: each epoch draws from streams of its own
(`closerlook.runtime.streams`). The file lies beside `trained.h5`, is not among the rule's outputs, and is removed once
these are written.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch

from closerlook import store

SHARE = 0.02
"""Of the time, at most, that is spent on saving: a slow disk is written to more rarely than asked."""


@dataclass
class Progress:
    """How far an ensemble's training has come.

    `stack` counts the stacks that are done; in the one under way `epoch` epochs are. `numbers` are the members still
    training there, `parameters` (member, parameter) and what the `optimizer` remembers theirs, by name. `factor` is
    that on the learning rates. `record` holds all members' arrays.
    """

    stack: int
    epoch: int
    factor: float
    numbers: np.ndarray
    parameters: np.ndarray
    optimizer: dict[str, np.ndarray]
    record: dict[str, np.ndarray]


class Sidecar:
    """Keeps the progress of one job in a file.

    Parameters
    ----------
    path : Path
        Where; conventionally ``trained.resume.h5`` beside ``trained.h5``.
    identity : dict of str to str
        Specification, versions, device, data and code. A file of another identity is not taken up.
    seconds : float
        Least time between two saves; 0 saves after every epoch.
    log : callable
        Told what was taken up, and why a file was not.
    """

    def __init__(self, path: Path, identity: dict[str, str], seconds: float, log: Callable[[str], None]) -> None:
        self.path, self.identity, self.seconds, self.log = path, identity, seconds, log
        self.cost, self.last = 0.0, time.monotonic()

    def load(self) -> Progress | None:
        """Return the saved progress, or None where there is none that fits.

        Raises
        ------
        Unreachable
            If the file cannot be read now: hours of work may be in it.
        """
        if not self.path.exists():
            return None
        try:
            with store.read(self.path, "resume") as file:
                saved = json.loads(file.attrs["identity"])
                other = [name for name, value in self.identity.items() if saved.get(name) != value]
                if other:
                    self.log(f"{self.path.name}: of another {' and '.join(other)}; starting anew")
                    return None
                progress = _read(file)
        except store.Unreachable:
            raise
        except (store.StoreError, KeyError, ValueError) as error:
            self.log(f"{self.path.name}: not usable ({error}); starting anew")
            return None
        self.log(f"{self.path.name}: going on after stack {progress.stack}, epoch {progress.epoch}")
        return progress

    def offer(self, progress: Callable[[], Progress]) -> None:
        """Save the progress if it is time."""
        start = time.monotonic()
        if start - self.last < max(self.seconds, self.cost / SHARE if self.seconds else 0.0):
            return
        with store.create(self.path, "resume") as file:
            file.attrs["identity"] = json.dumps(self.identity, sort_keys=True)
            _write(file, progress())
        self.last = time.monotonic()
        self.cost = self.last - start

    def remove(self) -> None:
        """Remove the file; the results are written."""
        self.path.unlink(missing_ok=True)


def _write(file: h5py.File, progress: Progress) -> None:
    for name in ("stack", "epoch", "factor", "numbers", "parameters"):
        file[name] = getattr(progress, name)
    for group in ("optimizer", "record"):
        for name, values in getattr(progress, group).items():
            file[f"{group}/{name}"] = values


def _read(file: h5py.File) -> Progress:
    return Progress(
        stack=int(file["stack"][()]),
        epoch=int(file["epoch"][()]),
        factor=float(file["factor"][()]),
        numbers=file["numbers"][:],
        parameters=file["parameters"][:],
        optimizer=_arrays(file, "optimizer"),
        record=_arrays(file, "record"),
    )


def _arrays(file: h5py.File, group: str) -> dict[str, np.ndarray]:
    """Return all arrays in a group, by name; it is not there where there are none."""
    found: dict[str, np.ndarray] = {}
    if group in file:
        file[group].visititems(lambda name, item: found.update({name: item[:]}) if hasattr(item, "shape") else None)
    return found


def to_numpy(tensors: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Return copies of tensors as arrays."""
    return {name: tensor.cpu().numpy().copy() for name, tensor in tensors.items()}
