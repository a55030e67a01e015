"""What a measure gets, and how it is run: from an ensemble's `trained.h5` to the measure's own file.

`measure` is all that the workflow calls; from Python it is called alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from closerlook import nets, store
from closerlook.data.loading import TrainingData, load_training_data
from closerlook.measures import MEASURES
from closerlook.measures.declaration import EXPERIMENT, Measure
from closerlook.measures.options import options_from
from closerlook.nets.network import Network
from closerlook.objectives import OBJECTIVES
from closerlook.objectives.objective import Objective
from closerlook.runtime.device import measured_on, versions
from closerlook.spec import Ensemble, plain
from closerlook.store import StoreError


@dataclass(frozen=True, kw_only=True)
class Source:
    """The files of an ensemble.

    `trained` is its `trained.h5`, `data` the data set, `noise` the corrupted training sets by kind; `spec` is what the
    plan says that was trained (None: whatever the file says).
    """

    trained: Path
    data: Path
    noise: Mapping[str, Path]
    spec: Ensemble | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """A trained ensemble that is to be measured.

    Attributes
    ----------
    file : h5py.File
        `trained.h5`, open.
    spec : Ensemble
        What was trained.
    data : TrainingData
        What its members saw.
    network, objective
        The network that they share, and what they minimised.
    device : str
        The torch device to work on.
    log : callable
        Receives log lines.
    replays : callable, optional
        `closerlook.training.replay.Replays`, for measures that train once more.
    """

    file: h5py.File
    spec: Ensemble
    data: TrainingData
    network: Network
    objective: Objective
    device: str = "cpu"
    log: Callable[[str], None] = print
    replays: Callable[..., Any] | None = None

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """The names of the checkpoints that were asked for."""
        return self.spec.checkpoints.names()

    def epochs(self, checkpoint: str) -> Float[np.ndarray, " member"]:
        """Return after how many epochs each member came by a checkpoint; NaN: never."""
        return self._checkpoint(checkpoint)["epoch"][:]

    def parameters(self, checkpoint: str, members: Sequence[int] | None = None) -> Float[Tensor, "member parameter"]:
        """Return parameters of some members (None: all) at a checkpoint; not finite where one diverged or never came.

        Raises
        ------
        closerlook.store.StoreError
            If the file has no such checkpoint, or parameters of other shapes than the network's.
        """
        chosen = list(range(len(self.spec.members)) if members is None else members)
        group = self._checkpoint(checkpoint)
        parameters = torch.empty(len(chosen), self.network.size)
        for part, view in self.network.views(parameters).items():
            for row, member in enumerate(chosen):
                view[row].copy_(torch.from_numpy(group[part][member]))
        return parameters

    def _checkpoint(self, name: str) -> h5py.Group:
        path, kept = self.file.filename, self.file["checkpoints"]
        if name not in kept:
            raise StoreError(f"{path}: no checkpoint {name}; it has {', '.join(sorted(kept)) or 'none'}")
        for part, shape in self.network.shapes.items():
            stored = kept[f"{name}/{part}"].shape[1:]
            if stored != tuple(shape):  # a smaller one would be broadcast
                raise StoreError(f"{path}: checkpoints/{name}/{part} is of shape {stored} a member, not {tuple(shape)}")
        return kept[name]

    def replay(self, member: int, steps: int, *, recompute: bool = False) -> Any:
        """Return the training of one member once more: a `closerlook.training.replay.Trajectory`.

        It is held against the member's checkpoints that lie at a whole epoch.

        Raises
        ------
        ValueError
            If the training cannot be replayed, or does not come by its checkpoints; one line that names the member.
        """
        if self.replays is None:
            raise ValueError("this measure replays the training; give replays=closerlook.training.replay.Replays")
        epochs = {name: float(self.epochs(name)[member]) for name in self.file["checkpoints"]}
        kept = {int(epoch): self.parameters(name, [member])[0] for name, epoch in epochs.items() if epoch.is_integer()}
        try:
            return self._replays(member, steps, recompute=recompute, checkpoints=kept)
        except ValueError as error:
            raise type(error)(f"{self.file.filename}: network {member}: {error}") from None

    @cached_property
    def _replays(self) -> Callable[..., Any]:
        return self.replays(self.spec, self.network, self.objective, self.data, torch.device(self.device))


@contextmanager
def open_job(source: Source, **given: Any) -> Iterator[Job]:
    """Open an ensemble's `trained.h5` and load its data; `given` are the attributes of `Job` that are no file's.

    Raises
    ------
    closerlook.store.StoreError
        If a file is damaged, does not belong to the others, or is not what the plan says.
    """
    with store.read(source.trained, "trained") as file:
        spec = store.read_spec(file)
        if source.spec is not None:
            store.require_planned(file, spec=source.spec.to_json())
        data = load_training_data(spec, source.data, source.noise)
        network = nets.build(spec, data.pool.shape[1:], data.classes)
        yield Job(file=file, spec=spec, data=data, network=network, objective=OBJECTIVES[spec.objective], **given)


def measure(
    name: str,
    source: Source | Sequence[Source],
    output: Path,
    options: Any = None,
    *,
    device: str = "cpu",
    log: Callable[[str], None] = print,
    replays: Callable[..., Any] | None = None,
) -> None:
    """Measure an ensemble, or all of an experiment, and write the measure's file.

    Parameters
    ----------
    name : str
        A measure of the room `closerlook.measures`.
    source : Source or sequence of Source
        The ensemble's files; of a measure over an experiment those of every ensemble.
    output : Path
        The file to write, which appears whole or not at all.
    options : Options or mapping, optional
        The measure's options, or some of them by name; None: its defaults.
    device : str
        A torch device.
    log : callable
        Receives the log lines.
    replays : callable, optional
        `closerlook.training.replay.Replays`, for measures that train once more.

    Raises
    ------
    closerlook.store.StoreError
        If an input file is damaged, does not belong to the others, lacks a checkpoint, or is not what the plan says.
    closerlook.things.ThingError
        If there is no such measure, or its module fails.
    ValueError
        If an option is impossible, or the measure returns other arrays than it declares.
    """
    declared, run = MEASURES[name], MEASURES.run(name).run
    options = options_from(declared.options, options)
    with ExitStack() as files:
        sources = [source] if isinstance(source, Source) else source
        jobs = [files.enter_context(open_job(each, device=device, log=log, replays=replays)) for each in sources]
        alone = declared.over != EXPERIMENT
        arrays = run(jobs[0] if alone else jobs, options)
        _require_arrays(name, declared, arrays, jobs)
    with store.create(output, name) as file:
        for part, values in arrays.items():
            file[part] = values
        store.write_attributes(
            file,
            spec=jobs[0].spec.to_json() if alone else store.specs([job.spec for job in jobs]),
            settings=plain(options),
            versions=versions(),
            device=measured_on(device),
        )


def _require_arrays(
    name: str, declared: Measure, arrays: Mapping[str, Shaped[np.ndarray, "..."]], jobs: list[Job]
) -> None:
    """Raise `ValueError` if the measure did not return what it says that it writes."""
    checkpoints = dict.fromkeys(checkpoint for job in jobs for checkpoint in job.checkpoints)
    wanted = {
        pattern.replace("{checkpoint}", checkpoint)
        for (pattern, column), checkpoint in product(declared.writes.items(), checkpoints or [""])
        if not column.optional
    }
    if missing := sorted(part for part in wanted - set(arrays) if "{" not in part):
        raise ValueError(f"measure {name} did not return {missing[0]}, which it declares")
