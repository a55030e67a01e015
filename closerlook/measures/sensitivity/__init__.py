"""How much later training losses depend on each training input, through all updates in between.

*A Closer Look at Memorization* (section 3.2, Figures 3 and 4). Numbers are the L1 norm of the derivative, averaged over
pixels, in units of loss per unit of pixel intensity (0 to 1). Training is replayed for it. NaN where the member
diverged or had stopped before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import MinLen

from closerlook.layout import Column
from closerlook.measures.declaration import Measure, Work
from closerlook.nets import NETS, remembers
from closerlook.nets.architecture import Structure
from closerlook.optimizers import OPTIMIZERS
from closerlook.spec import Count, Ensemble, parsed


@dataclass(frozen=True, kw_only=True)
class Options:
    """The measure `sensitivity`: how later losses depend on training inputs, by plain SGD (`momentum: 0`)."""

    steps: Annotated[tuple[Count, ...], MinLen(1)]
    """numbers of updates after which to measure"""
    losses: Count = 250
    """losses, evenly spaced over the last updates, whose derivatives are averaged"""
    over: Count = 500
    """how many last updates before each of the steps these losses are spaced over"""
    at_once: Count = 64
    """losses that are carried back together; each takes examples x pixels numbers of 4 bytes"""
    recompute: bool = True
    """keep about the square root of all states, compute the others again; false: keep all"""
    class_matrix: bool = True
    """whether to measure it class by class too, at the last of the steps"""

    def __post_init__(self) -> None:
        """Put steps in ascending order."""
        object.__setattr__(self, "steps", tuple(sorted(self.steps)))

    def problems(self) -> Iterator[str]:
        """Yield a line for each number that does not fit the others."""
        if len(set(self.steps)) < len(self.steps):
            yield "steps: holds a value twice"
        if self.over > self.steps[0]:
            yield f"over: {self.over} is more than the {self.steps[0]} steps"
        if self.losses > self.over:
            yield f"losses: {self.losses} is more than the last {self.over} steps that they are of"


def needs(experiment: Any, options: Options) -> Iterator[str]:
    """Yield a line for each thing of an experiment that cannot be measured."""
    options_of_net = parsed(NETS[experiment.network].options, experiment.network_options)
    if remembers(experiment.network, experiment.image_size, min(experiment.width), options_of_net):
        yield f"batch norm's statistics have no derivative here, and network {experiment.network} has them"
    without = OPTIMIZERS[experiment.optimizer].plain_without
    if without is None:
        yield f"follows plain gradient descent, which optimizer {experiment.optimizer} is not"
    for factor in without or ():
        if value := getattr(experiment, factor):
            yield f"follows plain gradient descent; set {factor}: 0, not {value:g}"
    if any(experiment.regularizers.values()):
        yield "follows training without regularizers; give them an experiment of their own"
    if experiment.batch_size_schedule.stages or experiment.after_fit is not None:
        yield "follows a training of constant batches to its end; leave out batch_size_schedule and after_fit"
    yield from options.problems()
    if options.steps[-1] > experiment.updates():
        yield f"steps: {options.steps[-1]} is beyond the last of the {experiment.updates()} updates"


def cost(spec: Ensemble, size: Structure, options: Options, device: str) -> Work:
    """Return what measuring costs.

    Every loss is carried back from its step to the first one. A step back takes 5 multiply-adds a weight and example
    of the batch (2 forward, 3 back), 4 in the first layer, whose derivative goes to the inputs as well.
    """
    members, last = len(spec.members), options.steps[-1]
    classes = size.classes if options.class_matrix and not spec.own_class else 0
    carried = options.losses * sum(options.steps) + classes * last
    replayed = last * (2 if options.recompute else 1)
    operations = carried * 2 * (5 * size.products - size.first) + replayed * (6 * size.products - 2 * size.first)
    together = min(options.at_once, options.losses * len(options.steps) + classes)
    states = 2 * math.isqrt(last) if options.recompute else last
    accumulated = together * 4 * (spec.examples * size.inputs + 3 * size.parameters)
    return Work(
        flops=float(members * spec.batch_size * operations),
        steps=members * math.ceil(carried / together),
        memory=accumulated + states * 4 * size.parameters * members,
        disk=members * (4 * len(options.steps) * (spec.examples + 4) + 8 * classes**2),
    )


HORIZONS = ("member", "horizon")
measure = Measure(
    options=Options,
    writes={
        "steps": Column("int64", ("horizon",), "after how many updates"),
        "sensitivity": Column(
            "float32",
            (*HORIZONS, "example"),
            "mean over `losses` losses, evenly spaced over the last `over` updates: each that of a minibatch before it "
            "is trained on, whose own inputs count through past updates only",
        ),
        "gini": Column("float64", HORIZONS, "Gini coefficient of `sensitivity` over the training examples"),
        "train_loss": Column("float32", HORIZONS, "over the whole training set, after so many updates"),
        "train_accuracy": Column("float32", HORIZONS, "as `train_loss`: share classified as labelled"),
        "class_matrix": Column(
            "float64",
            ("member", "class", "class"),
            "at the last horizon, and as many steps before as `losses` allow for: sensitivity of a class's mean "
            "training loss (first class), averaged over the training examples of a class (second; labels as trained "
            "on); an input's direct effect on its own class's loss counts too. Absent where every example is a class "
            "of its own",
            optional=True,
        ),
    },
    needs=needs,
    cost=cost,
)
