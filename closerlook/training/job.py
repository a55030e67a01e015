"""One training job: from a specification and its data files to `trained.h5`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from tqdm import tqdm

from closerlook import nets
from closerlook.data.loading import TrainingData, load_training_data
from closerlook.objectives import OBJECTIVES
from closerlook.runtime.device import device_name, prepare_device, versions
from closerlook.runtime.fingerprints import fingerprint
from closerlook.runtime.resume import Sidecar
from closerlook.spec import Ensemble
from closerlook.training.reach import modules_of
from closerlook.training.shapes import require_shapes
from closerlook.training.stack import Problem
from closerlook.training.trainer import train_ensemble

SECONDS_BETWEEN_LINES = 20


def to_problem(data: TrainingData, device: torch.device) -> Problem:
    """Return an ensemble's data as tensors on a device."""
    return Problem(
        pool=torch.from_numpy(data.pool).to(device),
        rows=torch.from_numpy(data.rows).to(device),
        labels=torch.from_numpy(data.labels).to(device),
        is_noise=torch.from_numpy(data.is_noise).to(device),
        validation_inputs=torch.from_numpy(data.validation_inputs).to(device),
        validation_labels=torch.from_numpy(data.validation_labels).to(device),
        pixel=data.pixel,
        validation_rows=torch.from_numpy(data.validation_rows).to(device),
    )


def run_training(
    spec: Ensemble,
    data: Path,
    noise: Mapping[str, Path],
    output: Path,
    gpus: int = 0,
    log: Callable[[str], None] = print,
    resume_every: float = 300.0,
) -> None:
    """Train an ensemble and write `trained.h5`.

    Parameters
    ----------
    spec : Ensemble
        What to train.
    data : Path
        The data set, ``data/<dataset>.h5``.
    noise : mapping of str to Path
        The corrupted training sets by noise kind, for every kind in `spec.noises`.
    output : Path
        Where `trained.h5` goes; it appears whole or not at all.
    gpus : int
        GPUs this job was given; with 0, or none there, it runs on one CPU thread.
    log : callable
        Receives the log lines.
    resume_every : float
        Seconds between saves of the job's state, from which it goes on when it was killed.

    Raises
    ------
    closerlook.store.StoreError
        If an input file is damaged or is not of this specification.
    closerlook.training.shapes.ShapeError
        If the network or the objective gives tensors of wrong shapes.
    """
    device = prepare_device(gpus)
    loaded = load_training_data(spec, data, noise)
    network = nets.build(spec, loaded.pool.shape[1:], loaded.classes)
    log(f"{spec.name}: {len(spec.members)} networks of {network.size} parameters on {device_name(device)}")
    objective, problem = OBJECTIVES[spec.objective], to_problem(loaded, device)
    require_shapes(spec, network, objective, problem, loaded.classes)
    progress = _Progress(spec, log)
    identity = {
        "spec": spec.to_json(),
        "versions": json.dumps(versions()),
        "device": device_name(device),
        "data": loaded.fingerprint(),
        "code": fingerprint("closerlook.training.job", *modules_of(spec)),
    }
    sidecar = Sidecar(output.with_suffix(".resume.h5"), identity, resume_every, log)
    record = train_ensemble(spec, network, objective, problem, progress.advance, sidecar)
    progress.close()
    if record.diverged.any():
        log(f"{spec.name}: {record.diverged.sum()} of {len(spec.members)} networks diverged")
    record.write(output, versions(), device_name(device))
    sidecar.remove()


class _Progress:
    """A bar on a terminal, a line now and then elsewhere; counts network-epochs."""

    def __init__(self, spec: Ensemble, log: Callable[[str], None]) -> None:
        self.name, self.log, self.total = spec.name, log, len(spec.members) * spec.epochs
        self.bar = tqdm(total=self.total, desc=spec.name, unit=" network-epochs", disable=not sys.stderr.isatty())
        self.done, self.start = 0, time.monotonic()
        self.last = self.start

    def advance(self, epochs: int) -> None:
        self.done += epochs
        self.bar.update(epochs)
        now = time.monotonic()
        if self.bar.disable and now - self.last > SECONDS_BETWEEN_LINES:
            self.last = now
            self.log(f"{self.name}: {self.done / self.total:.0%} after {now - self.start:.0f} s")

    def close(self) -> None:
        self.bar.close()
        self.log(f"{self.name}: trained in {time.monotonic() - self.start:.1f} s")
