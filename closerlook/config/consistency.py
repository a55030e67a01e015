"""What must fit together within an experiment's options: measures and what they need, steps and how many there are.

All of it is known before any work, so all of it is refused then, in one line that names the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from closerlook.data.noise import NOISES
from closerlook.measures import MEASURES
from closerlook.spec import REAL

if TYPE_CHECKING:
    from closerlook.config.options import ExperimentOptions


OPTION = re.compile(r"[a-z_]+(\.\w+)*: ")
"""How a problem begins that is one of a single option."""


def contradictions(options: ExperimentOptions) -> Iterator[str]:
    """Yield what is impossible about an experiment, each as "key: what is wrong and what is allowed"."""
    yield from _grid(options)
    yield from _training(options)
    yield from _checkpoints(options)
    yield from _answers(options)
    for name, own in options.measures.items():
        for problem in MEASURES[name].needs(options, own):
            yield f"measures.{name}{'.' if OPTION.match(problem) else ': '}{problem}"


def _grid(options: ExperimentOptions) -> Iterator[str]:
    # A value twice would count one network as two, or two checkpoints as one.
    combined = [tuple(sorted(each.items())) for each in options.regularizers.get("combined", ())]
    axes: list[tuple[str, Any]] = [
        *((name, getattr(options, name)) for name in ("dataset", "examples", "width", "batch_size", "learning_rate")),
        *((f"noise.{kind}", levels) for kind, levels in options.noise.items()),
        *((f"regularizers.{name}", strengths) for name, strengths in options.regularizers.items() if strengths),
        ("answers.steps", options.answers.steps),
        ("checkpoints.epochs", options.checkpoints.epochs),
        ("checkpoints.losses", [f"{loss:g}" for loss in options.checkpoints.losses]),
    ]
    for axis, values in axes:
        values = combined if axis == "regularizers.combined" else values
        if len(set(values)) < len(values):
            yield f"{axis}: holds a value twice"
    if not any(options.noise.values()):
        yield "noise: the grid is empty; give at least one kind with a level, such as none: [0]"
    if any(level != 0 for level in options.noise.get(REAL, ())):
        yield f"noise.{REAL}: only level 0 makes sense for it"
    for each in options.regularizers.get("combined", ()):
        if sum(value > 0 for value in each.values()) < 2:
            yield f"regularizers.combined: {each} is not several regularizers; give single ones under their names"


def _training(options: ExperimentOptions) -> Iterator[str]:
    if max(options.batch_size) > min(options.examples):
        yield f"batch_size: {max(options.batch_size)} is more than the {min(options.examples)} examples"
    if options.own_class:
        for kind in (kind for kind, levels in options.noise.items() if levels and NOISES[kind].replaces == "labels"):
            yield f"own_class: examples of classes of their own have no labels to replace by {kind}"


def _checkpoints(options: ExperimentOptions) -> Iterator[str]:
    epochs = options.checkpoints.epochs
    if late := [epoch for epoch in epochs if epoch > options.epochs]:
        yield f"checkpoints.epochs: {late[0]} is beyond the last epoch, {options.epochs}"
    if options.after_fit is not None and any(epochs):
        yield "checkpoints.epochs: only 0 is certain to be reached when after_fit ends the training early"


def _answers(options: ExperimentOptions) -> Iterator[str]:
    answers = options.answers
    if not answers.steps:
        return
    if options.batch_size_schedule.stages or len(options.batch_size) > 1:
        yield "answers.steps: count updates of one constant batch size; leave out batch_size_schedule and further sizes"
    if options.after_fit is not None:
        yield "answers.steps: networks that after_fit takes out of the training early have no answer; leave it out"
    if max(answers.steps) > options.updates():
        yield f"answers.steps: {max(answers.steps)} is beyond the last of the {options.updates()} updates"
    if answers.examples > min(options.examples):
        yield f"answers.examples: {answers.examples} is more than the {min(options.examples)} examples"
