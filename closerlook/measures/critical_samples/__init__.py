"""Share of samples with a point nearby, at most a radius away in every pixel, at which the network answers otherwise.

The critical sample ratio of *A Closer Look at Memorization in Deep Networks* (Arpit et al., 2017; figures 7 to 9).
Labels do not matter. Searches find what they find: all shares are bounds from below. The validation samples of a
seed are the same at every checkpoint; a radius searches only what the one before it did not find. NaN where a member
diverged or never reached the checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Le, MinLen

from closerlook.layout import Column
from closerlook.measures.declaration import Measure, Work, needs_checkpoint
from closerlook.nets.architecture import Structure
from closerlook.numerics.limits import LASS_CHUNK, LASS_TAPE_BYTES
from closerlook.spec import Axis, Count, Ensemble, Epoch, NotNegative, Positive


@dataclass(frozen=True, kw_only=True)
class Options:
    """The measure `critical_samples`: the share of examples whose predicted class changes within a small box.

    The box is searched by LASS at each checkpoint. `step` and `noise_scale` are shares of the radius; the defaults are
    those of *A Closer Look at Memorization*.
    """

    radius: Annotated[tuple[Annotated[Positive, Le(1)], ...], Axis, MinLen(1)] = (0.3 / 255,)
    """half the side of the box, in pixel units from 0 to 1; several: each"""
    step: Positive = 0.25 / 0.3
    """length of a step along the gradient's sign, over the radius"""
    noise_scale: NotNegative = 0.2 / 0.3
    """standard deviation of the noise on each step, over the radius"""
    iterations: Count = 100
    """steps of a search, at most"""
    gradient: Literal["moving", "fixed"] = "moving"
    """where it is taken: the moving point (the authors' code) or the example (as printed)"""
    examples: Count | None = None
    """validation examples searched around; null: all"""
    training_examples: Epoch = 0
    """training examples of each network searched around; 0: none"""
    random_tries: bool = True
    """whether as many random corners of the box are tried as a control"""

    def __post_init__(self) -> None:
        """Put radii in ascending order."""
        object.__setattr__(self, "radius", tuple(sorted(self.radius)))

    def problems(self) -> Iterator[str]:
        """Yield a line if a radius is there twice."""
        if len(set(self.radius)) < len(self.radius):
            yield "radius: holds a value twice"


def needs(experiment: Any, options: Options) -> Iterator[str]:
    """Yield a line for each thing of an experiment that cannot be measured."""
    yield from needs_checkpoint(experiment)
    yield from options.problems()
    if options.training_examples > min(experiment.examples):
        yield f"training_examples: {options.training_examples} is more than the {min(experiment.examples)} examples"
    if (options.examples or 0) > experiment.validation_examples:
        yield f"examples: {options.examples} is more than the {experiment.validation_examples} validation examples"
    if experiment.own_class:
        yield "needs validation examples, which own_class has not"


def cost(spec: Ensemble, size: Structure, options: Options, device: str) -> Work:
    """Return what searching costs, no sample found critical before the last iteration.

    An iteration takes 4 operations a weight and sample, forward and back to the input; a random try takes 2.
    """
    validation, training = options.examples or spec.validation_examples, options.training_examples
    names, radii = len(spec.checkpoints.names()), len(options.radius)
    searched, tried = validation + training, validation * options.random_tries
    searches = len(spec.members) * names * radii * options.iterations
    tape = min(LASS_CHUNK * 4 * size.tape, LASS_TAPE_BYTES)
    columns = 2 + options.random_tries + (training > 0)
    return Work(
        flops=float(searches * (4 * searched + 2 * tried) * size.products),
        steps=searches * (math.ceil(searched / LASS_CHUNK) + math.ceil(tried / LASS_CHUNK)),
        memory=4 * (size.parameters + 4 * max(validation, training) * size.inputs) + 2 * tape,
        disk=names * columns * 4 * radii * len(spec.members),
    )


SHARES = ("member", "radius")
measure = Measure(
    options=Options,
    writes={
        "radius": Column("float64", ("radius",), "half the sides of the boxes, ascending, in pixel units from 0 to 1"),
        "{checkpoint}/epoch": Column("float32", ("member",), "epochs finished by then; NaN: never reached"),
        "{checkpoint}/validation/critical": Column(
            "float32", SHARES, "share of validation samples that LASS shows to be critical"
        ),
        "{checkpoint}/validation/random": Column(
            "float32",
            SHARES,
            "share that as many random corners of the box show to be; absent without `random_tries`",
            optional=True,
        ),
        "{checkpoint}/training/critical": Column(
            "float32",
            SHARES,
            "as the first, of the member's own training examples as it saw them; absent without `training_examples`",
            optional=True,
        ),
    },
    needs=needs,
    cost=cost,
)
