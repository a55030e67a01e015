"""Critical samples at the checkpoints of an ensemble, searched by LASS."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from closerlook.measures.critical_samples import Options
from closerlook.measures.job import Job
from closerlook.nets.network import Network
from closerlook.numerics.lass import Found, find_critical, find_random
from closerlook.runtime.streams import generator


def run(job: Job, options: Options) -> dict[str, np.ndarray]:
    """Measure the critical sample ratio of every member at every checkpoint.

    The authors' code searches on until an iteration over the whole set finds fewer than 20 new samples. That rule is
    not used: with it the ratio would depend on how many samples are measured (250 samples end before 500 do, at the
    same network), so every sample gets the same number of iterations. At 10 iterations the authors' proportions find
    98 to 99.5 % of what 100 iterations find.

    A sample that is critical in a box is critical in a larger one. So radii are taken in ascending order, and only
    samples that are not yet found are searched in the next box: ratios grow with the radius by construction.

    Raises
    ------
    ValueError
        If there are fewer examples than asked for.
    """
    samples = _Samples(job, options)
    found = {"radius": np.array(options.radius)}
    for name in job.checkpoints:
        found |= {f"{name}/{column}": values for column, values in _checkpoint(job, name, samples, options).items()}
    return found


class _Samples:
    """The samples whose surroundings are searched: of each member's own validation and training sets.

    Validation examples are the member's first, the same at every checkpoint. The positions of the training examples,
    which are corrupted as the member saw them, are drawn once and for all.
    """

    def __init__(self, job: Job, options: Options) -> None:
        available, trained_on = job.data.validation_rows.shape[1], job.data.rows.shape[1]
        examples = available if options.examples is None else options.examples
        if not available:
            raise ValueError("there is no validation example to search around")
        if examples > available:
            raise ValueError(f"examples is {examples}; allowed are 1 to {available}, the size of the validation set")
        if options.training_examples > trained_on:
            raise ValueError(
                f"training_examples is {options.training_examples}; allowed are 0 to {trained_on}, "
                "the size of the training set"
            )
        self.job, self.examples = job, examples
        self.positions = _drawn("training", trained_on, options.training_examples)

    def _inputs(self, inputs: np.ndarray) -> Tensor:
        return torch.from_numpy(inputs).to(self.job.device)

    def of(self, which: str, member: int) -> Tensor:
        """Return the inputs of the set "validation" or "training"."""
        if which == "validation":
            rows = self.job.data.validation_rows[member, : self.examples]  # in the random order of their drawing
            return self._inputs(self.job.data.validation_inputs[rows])
        return self._inputs(self.job.data.pool[self.job.data.rows[member, self.positions]])


def _drawn(purpose: str, available: int, wanted: int) -> np.ndarray:
    """Return so many positions, ascending; the same for all members and checkpoints."""
    order = torch.randperm(available, generator=generator(f"critical_samples/{purpose}", 0))
    return order[:wanted].sort().values.numpy()


def _checkpoint(job: Job, name: str, samples: _Samples, options: Options) -> dict[str, np.ndarray]:
    """Return the columns of a checkpoint; a member that diverged or never got there has NaN in them."""
    epochs, start = job.epochs(name), time.monotonic()
    wanted = ["validation/critical"]
    wanted += ["validation/random"] if options.random_tries else []
    wanted += ["training/critical"] if options.training_examples else []
    columns = {column: np.full((len(epochs), len(options.radius)), np.nan, np.float32) for column in wanted}
    for number, member in enumerate(job.spec.members):
        parameters = job.parameters(name, [number])
        if not (np.isfinite(epochs[number]) and parameters.isfinite().all()):
            continue
        for column, values in columns.items():
            which, kind = column.split("/")
            inputs, draws = samples.of(which, number), generator(f"critical_samples/{column}/{name}", member.seed)
            ratios = critical_ratios if kind == "critical" else random_ratios
            values[number] = ratios(job.network, parameters.to(inputs), inputs, options, job.data.pixel, draws)
    took = time.monotonic() - start
    job.log(f"{job.spec.name}: critical samples of {len(epochs)} networks at {name} in {took:.1f} s")
    return {"epoch": epochs.astype(np.float32), **columns}


def critical_ratios(
    network: Network,
    parameters: Float[Tensor, "1 parameter"],
    inputs: Float[Tensor, "sample ..."],
    options: Options,
    pixel: float,
    draws: torch.Generator,
) -> list[float]:
    """Return the share of one network's inputs that LASS shows to be critical, at each radius.

    Parameters
    ----------
    network, parameters, inputs
        A network, its parameters as a stack of one, and the inputs whose boxes are searched, standardised.
    options : Options
        How; only `radius`, `step`, `noise_scale`, `iterations` and `gradient` matter here.
    pixel : float
        One unit of [0, 1] pixel intensity in standardised units.
    draws : torch.Generator
        Where all random numbers come from.

    Returns
    -------
    list of float
        A share in [0, 1] for each radius, never falling; a bound from below, for a search may miss.
    """

    def find(left: Tensor, radius: float) -> Found:
        return find_critical(
            network, parameters, left, radius, step=options.step * radius, noise=options.noise_scale * radius,
            iterations=options.iterations, gradient=options.gradient, generators=[draws],
        )  # fmt: skip

    return _sweep(find, inputs, [radius * pixel for radius in options.radius])


def random_ratios(
    network: Network,
    parameters: Float[Tensor, "1 parameter"],
    inputs: Float[Tensor, "sample ..."],
    options: Options,
    pixel: float,
    draws: torch.Generator,
) -> list[float]:
    """Return the share that as many random corners show to be critical; arguments and result as of `critical_ratios`.

    Of `options` only `radius` and `iterations` matter.
    """

    def find(left: Tensor, radius: float) -> Found:
        return find_random(network, parameters, left, radius, tries=options.iterations, generators=[draws])

    return _sweep(find, inputs, [radius * pixel for radius in options.radius])


def _sweep(find: Callable[[Tensor, float], Found], inputs: Tensor, radii: Sequence[float]) -> list[float]:
    left, shares = inputs, []
    for radius in radii:
        if len(left):
            left = left[~find(left, radius).critical[0]]
        shares.append(1 - len(left) / len(inputs))
    return shares
