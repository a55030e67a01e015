"""What is kept of an ensemble's training: histories, checkpoints and outcomes, and their way into `trained.h5`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from closerlook import store
from closerlook.nets.network import Network
from closerlook.spec import Ensemble

HISTORIES = (
    "train_loss",
    "train_accuracy",
    "train_accuracy_clean",
    "train_accuracy_noise",
    "validation_loss",
    "validation_accuracy",
)


class Record:
    """Histories (member, epoch), checkpoints and outcomes of all members of an ensemble; NaN where nothing was seen."""

    def __init__(self, spec: Ensemble, network: Network) -> None:
        self.spec, self.network = spec, network
        count = len(spec.members)
        self.histories = {name: np.full((count, spec.epochs), np.nan, np.float32) for name in HISTORIES}
        self.diverged = np.zeros(count, bool)
        self.fit_epoch = np.full(count, np.nan, np.float32)
        self.epochs = np.zeros(count, np.int32)
        self.answers = np.zeros((count, len(spec.answers.steps), -(-spec.answers.asked // 8)), np.uint8)
        self.asked = np.zeros((count, spec.answers.asked), np.uint16)  # labels of the examples asked about
        self.checkpoint_epoch = {name: np.full(count, np.nan, np.float32) for name in spec.checkpoints.names()}
        self.checkpoint_loss = {name: np.full(count, np.nan, np.float32) for name in spec.checkpoints.names()}
        self.checkpoints = {
            name: np.full((count, network.size), np.nan, np.float32) for name in spec.checkpoints.names()
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that is recorded, by name; the arrays themselves, to be saved or filled again."""
        groups = {
            "history": self.histories,
            "checkpoint_epoch": self.checkpoint_epoch,
            "checkpoint_loss": self.checkpoint_loss,
            "checkpoints": self.checkpoints,
        }
        plain = {"diverged": self.diverged, "fit_epoch": self.fit_epoch, "epochs": self.epochs}
        plain |= {"answers": self.answers} if self.spec.answers.steps else {}
        return plain | {f"{group}/{name}": values for group, named in groups.items() for name, values in named.items()}

    def keep(self, name: str, number: int, epoch: float, loss: float, parameters: Tensor) -> None:
        """Keep one member's parameters (parameter,) as its checkpoint `name`."""
        self.checkpoint_epoch[name][number] = epoch
        self.checkpoint_loss[name][number] = loss
        self.checkpoints[name][number] = parameters.cpu().numpy()

    def answer(self, step: int, numbers: list[int], correct: Tensor) -> None:
        """Keep which examples some members classify as labelled after so many steps: (member, example), bool."""
        self.answers[numbers, self.spec.answers.steps.index(step)] = np.packbits(correct.cpu().numpy(), axis=1)

    def has(self, name: str, number: int) -> bool:
        """Return whether a member's checkpoint is there."""
        return not np.isnan(self.checkpoint_epoch[name][number])

    def write(self, output: Path, versions: dict[str, str], device: str) -> None:
        """Write `trained.h5` (its layout is in `docs/files.md`)."""
        with store.create(output, "trained") as file:
            store.write_attributes(file, spec=self.spec.to_json(), versions=versions, device=device)
            store.write_members(file.create_group("members"), self.spec)
            for name, values in self.histories.items():
                file[f"history/{name}"] = values
            file["outcome/diverged"] = self.diverged
            file["outcome/fit_epoch"] = self.fit_epoch
            file["outcome/epochs"] = self.epochs
            if self.spec.answers.steps:
                file["answers/step"] = np.array(self.spec.answers.steps, np.int32)
                file["answers/labels"] = self.asked
                file["answers/correct"] = self.answers
            checkpoints = file.create_group("checkpoints")
            for name, stacked in self.checkpoints.items():
                group = checkpoints.create_group(name)
                group["epoch"] = self.checkpoint_epoch[name]
                group["loss"] = self.checkpoint_loss[name]
                start = 0
                for parameter, shape in self.network.shapes.items():
                    stop = start + int(np.prod(shape))
                    group[parameter] = stacked[:, start:stop].reshape(-1, *shape)
                    start = stop
