"""Critical samples: inputs with a point nearby, within a small box, at which the network answers otherwise.

Langevin adversarial sample search (LASS), algorithm 1 of *A Closer Look at Memorization in Deep Networks* (Arpit et
al., 2017), for stacked networks; and random search in the same box as its control. "Critical" is about the network's
own answers: no label is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from closerlook.nets.network import Network
from closerlook.numerics.limits import LASS_CHUNK, LASS_TAPE_BYTES

WORTH_DROPPING = 1 / 16
"""Samples that are found are taken out of the work once they are this share of it: taking out costs a copy."""


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    points
        For a critical sample the first point with another answer, for any other the last one that was looked at; both
        lie in the box, but for the rounding of ``input + shift``.
    critical
        Whether the answer at the point differs from that at the sample.
    iterations
        In which iteration (from 1) a sample was found to be critical; 0 where it was not.
    """

    points: Float[Tensor, "member sample *site"]
    critical: Bool[Tensor, "member sample"]
    iterations: Int[Tensor, "member sample"]


PerMember = float | Float[Tensor, " member"]


def find_critical(
    network: Network,
    parameters: Float[Tensor, "member parameter"],
    inputs: Float[Tensor, "..."],
    radius: PerMember,
    *,
    step: PerMember,
    noise: PerMember,
    iterations: int,
    generators: Sequence[torch.Generator],
    gradient: str = "moving",
    drop: bool = True,
) -> Found:
    """Search the box of each sample by LASS.

    From the sample itself, each iteration adds ``step * sign(gradient) + noise * normal`` and clips every coordinate to
    ``radius`` around the sample; the gradient is that of the cross-entropy of the answer at the sample, which rises.
    A sample is critical as soon as the largest output is another one. Networks are in evaluation mode.

    The authors' code stops the whole set once an iteration finds fewer than 20 new samples, which makes the ratio
    depend on how many samples there are; here every sample has all its `iterations`.

    Parameters
    ----------
    network, parameters
        The networks.
    inputs
        (member, sample, *site), or (sample, *site) for the same samples in every member.
    radius, step, noise
        Half the width of the box, the length of a step and the standard deviation of the noise, for each input
        coordinate and in the inputs' own units; one number, or one for each member.
    iterations
        Number of points looked at, at least 1.
    generators
        One for each member. Equally seeded ones draw the same noise. The normals are drawn on the generator's device.
    gradient : {"moving", "fixed"}
        ``"moving"``: at the moving point, as in the authors' code; ``"fixed"``: at the sample, as the paper prints it.
    drop
        Search member by member and drop the samples that are found: less work, and for large samples the faster way
        on any device. False: all members in one program of fixed shapes, for small batches. Either way a member's
        result does not depend on who shares the stack.

    Raises
    ------
    ValueError
        If `gradient`, `iterations` or the number of `generators` is impossible.

    Notes
    -----
    One normal is drawn for each coordinate and each of ``samples + iterations - 1`` rows, once a search: sample s takes
    row s + i in iteration i. So a sample's noise is independent and standard normal over coordinates and iterations,
    exactly as if it were drawn anew (which took as long as the matrix products); only the noises of two samples are
    related, one's being another's of some iterations later, which leaves the expected ratio as it is.
    """
    if gradient not in ("moving", "fixed"):
        raise ValueError(f"gradient is {gradient!r}; allowed are moving, fixed")
    inputs = _for_each(network, parameters, inputs)

    def search(part: slice, current: _Search, radius: Tensor, normals: Tensor) -> None:
        lengths, scales = _per_member(step, inputs, part), _per_member(noise, inputs, part)
        normals, least = normals * scales, -radius
        shift = torch.zeros_like(current.start)
        for iteration in range(1, iterations + 1):
            if iteration == 1 or gradient == "moving":
                ascent = current.ascent()
            kept = current.drop() if drop else None
            if kept is not None:
                ascent, shift = ascent.index_select(1, kept), shift.index_select(1, kept)
            shift.addcmul_(ascent, lengths).add_(current.rows(normals, iteration))
            shift.clamp_min_(least).clamp_max_(radius)  # six times as fast as clamp_ with two tensors
            if current.look(current.start + shift, iteration):
                break

    return _in_parts(network, parameters, inputs, radius, iterations, generators, drop, search)


def find_random(
    network: Network,
    parameters: Float[Tensor, "member parameter"],
    inputs: Float[Tensor, "..."],
    radius: PerMember,
    *,
    tries: int,
    generators: Sequence[torch.Generator],
    drop: bool = True,
) -> Found:
    """Search the same boxes at random: the control of `find_critical`, which it calls no gradient for.

    Each try is a corner of the box, all equally likely. Corners are the points furthest away: to a network that is
    linear in the box the difference of two outputs varies √3 times as much over corners as over the whole box, so this
    is the stronger control. `tries` are as many forward passes as LASS spends on its `iterations`; parameters, result,
    and how random numbers are shared between samples are those of `find_critical`.
    """
    inputs = _for_each(network, parameters, inputs)

    def search(part: slice, current: _Search, radius: Tensor, normals: Tensor) -> None:
        corners = normals.sign_().mul_(radius)
        for number in range(1, tries + 1):
            if drop:
                current.drop()
            if current.look(current.start + current.rows(corners, number), number):
                break

    return _in_parts(network, parameters, inputs, radius, tries, generators, drop, search)


class _Search:
    """The search of one stack: the samples still in the work, and what was found of all.

    A place is a sample of a member, members one after the other. `columns` says which one each place of the work is,
    `sought` whether nothing was found there yet; `others` are the outputs but for the label's own, which is the answer
    at the sample.
    """

    def __init__(self, network: Network, parameters: Tensor, inputs: Tensor) -> None:
        self.network, self.parameters, self.start = network, parameters, inputs
        outputs, self.tape = network.forward(parameters, inputs)
        self.labels = outputs.max(dim=1, keepdim=True).indices  # argmax, several times as fast
        self.classes = torch.arange(outputs.shape[1], device=inputs.device).unsqueeze(1)
        self.answered = self.labels == self.classes
        self.others = torch.where(self.answered, -torch.inf, outputs)
        self.points = torch.empty_like(inputs, memory_format=torch.contiguous_format)
        self.iterations = torch.zeros_like(self.labels[:, 0])
        self.columns = torch.arange(self.iterations.numel(), device=inputs.device)
        self.sought = torch.ones_like(self.columns, dtype=torch.bool)
        self.droppable, self.whole = 0, True

    def rows(self, numbers: Tensor, iteration: int) -> Tensor:
        """Return the rows of the shared random numbers that belong to the samples in an iteration (from 1)."""
        if self.whole:
            return numbers[:, iteration - 1 : iteration - 1 + self.start.shape[1]]
        return numbers.index_select(1, self.columns + (iteration - 1))

    def ascent(self) -> Tensor:
        """Return the signs of the input gradient of the labels' cross-entropy at the points looked at last.

        The derivative by the outputs is divided by 1 - p(label): signs do not mind, and nothing is lost of a network so
        sure of its answer that 1 - p(label) rounds to 0, where the plain gradient is noise (float32: a margin of 17).
        """
        gradient = self.others.softmax(dim=1).masked_fill_(self.answered, -1.0)
        return self.network.input_gradient(self.tape, gradient).sign_()

    def look(self, points: Tensor, iteration: int) -> bool:
        """Enter at which points the answer differs; return whether nothing is left to find."""
        outputs, self.tape = self.network.forward(self.parameters, points)
        self.last, self.others = points, torch.where(self.answered, -torch.inf, outputs)
        changed = self.others.amax(dim=1, keepdim=True) > outputs.gather(1, self.labels)
        places = (changed.view(-1) & self.sought).nonzero().squeeze(1)
        if len(places):
            self.iterations.view(-1).index_fill_(0, self._enter(places), iteration)
            self.sought.index_fill_(0, places, False)
            self.droppable += len(places)
        return self.droppable == len(self.columns)

    def _enter(self, places: Tensor) -> Tensor:
        """Enter the points looked at last of some places into the result; return their columns."""
        columns = self.columns.index_select(0, places)
        self.points.flatten(0, 1).index_copy_(0, columns, self.last.flatten(0, 1).index_select(0, places))
        return columns

    def drop(self) -> Tensor | None:
        """Take the found samples of a lone member out; return the places kept, None where too few were found."""
        if self.droppable <= WORTH_DROPPING * len(self.columns):
            return None
        kept = self.sought.nonzero().squeeze(1)
        self.droppable, self.whole, self.columns = 0, False, self.columns.index_select(0, kept)
        self.start, self.sought = self.start.index_select(1, kept), self.sought.index_select(0, kept)
        self.labels = self.labels.index_select(2, kept)
        self.answered = self.labels == self.classes
        return kept

    def result(self) -> Found:
        """Return what was found; samples that were not are where they were looked at last."""
        self._enter(self.sought.nonzero().squeeze(1))
        return Found(self.points, self.iterations > 0, self.iterations)


def _in_parts(network, parameters, inputs, radius, iterations, generators, drop, search) -> Found:
    """Run a search stack by stack and chunk by chunk of samples, and put the results together."""
    if iterations < 1:
        raise ValueError(f"iterations is {iterations}; at least 1 is needed")
    if len(generators) != len(parameters):
        raise ValueError(f"{len(generators)} generators for {len(parameters)} members")
    size = 1 if drop else len(parameters)
    chunk = max(1, min(LASS_CHUNK, LASS_TAPE_BYTES // (4 * size * network.tape_size(1))))
    found = []
    for first in range(0, len(parameters), size):
        part = slice(first, first + size)
        normals = _normals(inputs, generators[part], inputs.shape[1] + iterations - 1)
        limits = _per_member(radius, inputs, part)
        chunks = []
        for start in range(0, inputs.shape[1], chunk):
            current = _Search(network, parameters[part], inputs[part, start : start + chunk])
            search(part, current, limits, normals[:, start : start + current.start.shape[1] + iterations - 1])
            chunks.append(current.result())
        found.append(_joined(chunks, dim=1))
    return _joined(found, dim=0)


def _for_each(network: Network, parameters: Tensor, inputs: Tensor) -> Tensor:
    """Return the inputs with the member first."""
    shared = inputs.dim() == len(network.sites(1)[0])  # (sample, *site)
    return inputs.expand(len(parameters), *inputs.shape) if shared else inputs


def _normals(inputs: Tensor, generators: Sequence[torch.Generator], rows: int) -> Tensor:
    shape = (rows, *inputs.shape[2:])
    drawn = [torch.randn(shape, generator=own, device=own.device, dtype=inputs.dtype) for own in generators]
    return torch.stack(drawn).to(inputs.device)


def _joined(parts: Sequence[Found], dim: int) -> Found:
    if len(parts) == 1:
        return parts[0]
    return Found(*(torch.cat([getattr(part, name) for part in parts], dim) for name in Found.__dataclass_fields__))


def _per_member(value: PerMember, inputs: Tensor, part: slice) -> Tensor:
    """Return a number for each member of a part, shaped to be broadcast over samples and sites."""
    values = torch.as_tensor(value, dtype=inputs.dtype, device=inputs.device).expand(len(inputs))
    return values[part].view(-1, *[1] * (inputs.dim() - 1))
