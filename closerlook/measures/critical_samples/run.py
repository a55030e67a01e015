"""Critical samples at the checkpoints of an ensemble: from `trained.h5` to `critical_samples.h5`.

The critical sample ratio of *A Closer Look at Memorization in Deep Networks* (Arpit et al., 2017; figures 7 to 9): the
share of samples with a point nearby, at most a radius away in every pixel, at which the network answers otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from closerlook.data.loading import TrainingData
from closerlook.measures.trained import Trained, create_measured, open_trained
from closerlook.nets.network import Network
from closerlook.numerics.lass import Found, find_critical, find_random
from closerlook.runtime.streams import generator


@dataclass(frozen=True)
class Search:
    """How boxes are searched.

    Attributes
    ----------
    radius : tuple of float
        Half the sides of the boxes in [0, 1] pixel units, ascending.
    step, noise
        Length of a step and standard deviation of its noise, as shares of the radius.
    iterations
        Points looked at in each box.
    gradient : {"moving", "fixed"}
        See `closerlook.numerics.lass.find_critical`.
    random
        Whether as many random corners of each validation example's box are tried, as a control.
    """

    radius: tuple[float, ...]
    step: float
    noise: float
    iterations: int
    gradient: str
    random: bool

    def __post_init__(self) -> None:
        if (
            not self.radius
            or list(self.radius) != sorted(set(self.radius))
            or self.radius[0] <= 0
            or self.radius[-1] > 1
        ):
            raise ValueError(f"radius is {list(self.radius)}; ascending pixel units between 0 and 1 are needed")
        if self.step < 0 or self.noise < 0:
            raise ValueError(f"step is {self.step} and noise {self.noise} of the radius; neither may be negative")


def measure_critical_samples(
    trained: Path,
    data: Path,
    noise: Mapping[str, Path],
    output: Path,
    *,
    checkpoints: Sequence[str],
    radius: Sequence[float],
    step: float = 0.25 / 0.3,
    noise_scale: float = 0.2 / 0.3,
    iterations: int = 100,
    gradient: str = "moving",
    examples: int | None = None,
    training_examples: int = 0,
    random_tries: bool = True,
    device: str = "cpu",
    log: Callable[[str], None] = print,
) -> None:
    """Measure the critical sample ratio of every member at the named checkpoints; write `critical_samples.h5`.

    The authors' code searches on until an iteration over the whole set finds fewer than 20 new samples. That rule is
    not used: with it the ratio would depend on how many samples are measured (250 samples end before 500 do, at the
    same network), so every sample gets the same number of iterations. At 10 iterations the authors' proportions find
    98 to 99.5 % of what 100 iterations find.

    A sample that is critical in a box is critical in a larger one. So radii are taken in ascending order, and only
    samples that are not yet found are searched in the next box: ratios grow with the radius by construction.

    Parameters
    ----------
    trained, data, output : Path
        `trained.h5`, the data set, and the file to write, which appears whole or not at all.
    noise : mapping of str to Path
        The corrupted training sets by noise kind.
    checkpoints : sequence of str
        Names of checkpoints in `trained`.
    radius : sequence of float
        Half the sides of the boxes, in pixel units from 0 to 1, in any order; all pixels of all channels count.
    step, noise_scale : float
        As shares of the radius; the defaults are the authors' 0.25, 0.2 and 0.3.
    iterations, gradient
        See `closerlook.numerics.lass.find_critical`.
    examples : int, optional
        The first so many of a member's validation examples, the same at every checkpoint. None: all.
    training_examples : int
        So many of each member's training examples, corrupted as the member saw them, at positions that are drawn once
        and for all; 0: the training set is not measured.
    random_tries : bool
        Whether as many random corners of each validation example's box are tried, as a control.
    device : str
        A torch device.
    log : callable
        Receives the log lines.

    Raises
    ------
    closerlook.store.StoreError
        If an input file is damaged, does not belong to the others, or lacks a checkpoint.
    ValueError
        If an option is impossible.
    """
    search = Search(tuple(sorted(radius)), step, noise_scale, iterations, gradient, random_tries)
    with open_trained(trained, data, noise) as ensemble:
        ensemble.require(checkpoints)
        samples = _Samples(ensemble.data, examples, training_examples, device)
        measured = {name: _checkpoint(ensemble, name, samples, search, log) for name in checkpoints}
    settings = asdict(search) | {
        "step_pixels": [step * value for value in search.radius],
        "noise_pixels": [noise_scale * value for value in search.radius],
        "standardised_units_per_pixel": ensemble.data.pixel,
        "stopping": "every sample has all iterations",
        "random_tries": f"{iterations} corners of the box" if random_tries else None,
        "checkpoints": list(checkpoints),
        "examples": samples.examples,
        "training_examples": training_examples,
    }
    with create_measured(output, "critical_samples", ensemble.spec, settings, device) as file:
        file["radius"] = np.array(search.radius)
        for name, columns in measured.items():
            for column, values in columns.items():
                file[f"{name}/{column}"] = values


class _Samples:
    """The samples whose surroundings are searched: of each member's own validation and training sets."""

    def __init__(self, loaded: TrainingData, examples: int | None, training_examples: int, device: str) -> None:
        available, trained_on = loaded.validation_rows.shape[1], loaded.rows.shape[1]
        if not available:
            raise ValueError("there is no validation example to search around")
        examples = available if examples is None else examples
        if not 1 <= examples <= available:
            raise ValueError(f"examples is {examples}; allowed are 1 to {available}, the size of the validation set")
        if not 0 <= training_examples <= trained_on:
            raise ValueError(
                f"training_examples is {training_examples}; allowed are 0 to {trained_on}, the size of the training set"
            )
        self.loaded, self.device, self.examples = loaded, device, examples
        self.positions = _drawn("training", trained_on, training_examples)

    def _inputs(self, inputs: np.ndarray) -> Tensor:
        return torch.from_numpy(inputs).to(self.device)

    def of(self, which: str, member: int) -> Tensor:
        """Return the inputs of the set "validation" or "training"."""
        if which == "validation":
            rows = self.loaded.validation_rows[member, : self.examples]  # in the random order of their drawing
            return self._inputs(self.loaded.validation_inputs[rows])
        return self._inputs(self.loaded.pool[self.loaded.rows[member, self.positions]])


def _drawn(purpose: str, available: int, wanted: int) -> np.ndarray:
    """Return so many positions, ascending; the same for all members and checkpoints."""
    order = torch.randperm(available, generator=generator(f"critical_samples/{purpose}", 0))
    return order[:wanted].sort().values.numpy()


def _checkpoint(
    ensemble: Trained, name: str, samples: _Samples, search: Search, log: Callable[[str], None]
) -> dict[str, np.ndarray]:
    """Return the columns of a checkpoint's group; a member that diverged or never got there has NaN in them."""
    spec, epoch, start = ensemble.spec, ensemble.file[f"checkpoints/{name}/epoch"][:], time.monotonic()
    wanted = ["validation/critical"]
    wanted += ["validation/random"] if search.random else []
    wanted += ["training/critical"] if len(samples.positions) else []
    columns = {column: np.full((len(epoch), len(search.radius)), np.nan, np.float32) for column in wanted}
    for number, member in enumerate(spec.members):
        parameters = ensemble.parameters(name, number)
        if not (np.isfinite(epoch[number]) and parameters.isfinite().all()):
            continue
        for column, values in columns.items():
            which, kind = column.split("/")
            inputs, draws = samples.of(which, number), generator(f"critical_samples/{column}/{name}", member.seed)
            ratios = critical_ratios if kind == "critical" else random_ratios
            values[number] = ratios(ensemble.network, parameters.to(inputs), inputs, search, ensemble.data.pixel, draws)
    log(
        f"{ensemble.spec.name}: critical samples of {len(epoch)} networks at {name} in {time.monotonic() - start:.1f} s"
    )
    return {"epoch": epoch.astype(np.float32), **columns}


def critical_ratios(
    network: Network,
    parameters: Float[Tensor, "1 parameter"],
    inputs: Float[Tensor, "sample ..."],
    search: Search,
    pixel: float,
    draws: torch.Generator,
) -> list[float]:
    """Return the share of one network's inputs that LASS shows to be critical, at each radius.

    Parameters
    ----------
    network, parameters, inputs
        A network, its parameters as a stack of one, and the inputs whose boxes are searched, standardised.
    search : Search
        How; `random` does not matter here.
    pixel : float
        One unit of [0, 1] pixel intensity in standardised units.
    draws : torch.Generator
        Where all random numbers come from.

    Returns
    -------
    list of float
        A share in [0, 1] for each radius of `search`, never falling; a bound from below, for a search may miss.
    """

    def find(left: Tensor, radius: float) -> Found:
        return find_critical(
            network, parameters, left, radius, step=search.step * radius, noise=search.noise * radius,
            iterations=search.iterations, gradient=search.gradient, generators=[draws],
        )  # fmt: skip

    return _sweep(find, inputs, [radius * pixel for radius in search.radius])


def random_ratios(
    network: Network,
    parameters: Float[Tensor, "1 parameter"],
    inputs: Float[Tensor, "sample ..."],
    search: Search,
    pixel: float,
    draws: torch.Generator,
) -> list[float]:
    """Return the share that as many random corners show to be critical; arguments and result as of `critical_ratios`.

    Of `search` only `radius` and `iterations` matter.
    """

    def find(left: Tensor, radius: float) -> Found:
        return find_random(network, parameters, left, radius, tries=search.iterations, generators=[draws])

    return _sweep(find, inputs, [radius * pixel for radius in search.radius])


def _sweep(find: Callable[[Tensor, float], Found], inputs: Tensor, radii: Sequence[float]) -> list[float]:
    left, shares = inputs, []
    for radius in radii:
        if len(left):
            left = left[~find(left, radius).critical[0]]
        shares.append(1 - len(left) / len(inputs))
    return shares
