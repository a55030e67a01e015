"""What must fit together within an experiment's options: measures and what they need, steps and how many there are.

All of it is known before any work, so all of it is refused then, in one line that names the key.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from closerlook.config.options import ExperimentOptions


def contradictions(options: ExperimentOptions) -> Iterator[str]:
    """Yield what is impossible about an experiment, each as "key: what is wrong and what is allowed"."""
    yield from _grid(options)
    yield from _training(options)
    yield from _checkpoints(options)
    yield from _answers(options)
    yield from _curvature(options)
    yield from _critical_samples(options)
    yield from _sensitivity(options)


def _grid(options: ExperimentOptions) -> Iterator[str]:
    # A value twice would count one network as two, or two checkpoints as one.
    axes: list[tuple[str, list[Any]]] = [
        *((name, getattr(options, name)) for name in ("dataset", "examples", "width", "batch_size", "learning_rate")),
        *((f"noise.{kind}", levels) for kind, levels in options.noise.items()),
        *((f"regularizers.{name}", strengths) for name, strengths in options.regularizers.alone()),
        ("regularizers.combined", [tuple(sorted(each.items())) for each in options.regularizers.combined]),
        ("answers.steps", options.answers.steps),
        ("checkpoints.epochs", options.checkpoints.epochs),
        ("checkpoints.losses", [f"{loss:g}" for loss in options.checkpoints.losses]),
    ]
    for axis, values in axes:
        if len(set(values)) < len(values):
            yield f"{axis}: holds a value twice"
    if not any(options.noise.values()):
        yield "noise: the grid is empty; give at least one kind with a level, such as none: [0]"
    if any(level != 0 for level in options.noise.get("none", [])):
        yield "noise.none: only level 0 makes sense for it"
    for each in options.regularizers.combined:
        if shares := [
            name for name, value in each.items() if name in ("dropout", "input_dropout", "lass") and value >= 1
        ]:
            yield f"regularizers.combined: {shares[0]} must be less than 1, not {each[shares[0]]:g}"
        if sum(value > 0 for value in each.values()) < 2:
            yield f"regularizers.combined: {each} is not several regularizers; give single ones under their names"


def _training(options: ExperimentOptions) -> Iterator[str]:
    if max(options.batch_size) > min(options.examples):
        yield f"batch_size: {max(options.batch_size)} is more than the {min(options.examples)} examples"
    if options.own_class and options.noise.get("randY"):
        yield "own_class: examples of classes of their own have no labels to replace by randY"
    if options.network != "mlp" and options.depth != 2:
        yield f"depth: only an mlp has it; leave it out for network {options.network}"
    if options.network == "alexnet":
        yield from _alexnet(options)


def _alexnet(options: ExperimentOptions) -> Iterator[str]:
    if options.image_size < 5:
        yield f"image_size: an alexnet crops 2 pixels from every side; it needs 5, not {options.image_size}"
    for examples, size in product(options.examples, options.batch_size):
        if not options.with_replacement and examples % size == 1:
            yield f"batch_size: {examples} examples in batches of {size} leave one alone, and batch norm needs two"


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


def _curvature(options: ExperimentOptions) -> Iterator[str]:
    measure = options.measures.curvature
    if not measure:
        return
    yield from _needs_checkpoint(options, "curvature")
    if measure.examples and measure.examples > min(options.examples):
        yield f"measures.curvature.examples: {measure.examples} is more than the {min(options.examples)} examples"


def _critical_samples(options: ExperimentOptions) -> Iterator[str]:
    measure, key = options.measures.critical_samples, "measures.critical_samples"
    if not measure:
        return
    yield from _needs_checkpoint(options, "critical_samples")
    if len(set(measure.radius)) < len(measure.radius):
        yield f"{key}.radius: holds a value twice"
    if measure.training_examples > min(options.examples):
        yield f"{key}.training_examples: {measure.training_examples} is more than the {min(options.examples)} examples"
    if options.own_class:
        yield f"{key}: needs validation examples, which own_class has not"


def _sensitivity(options: ExperimentOptions) -> Iterator[str]:
    measure, key = options.measures.sensitivity, "measures.sensitivity"
    if not measure:
        return
    if options.network != "mlp":
        yield f"{key}: serves network mlp only (batch norm's statistics have no derivative here), not {options.network}"
    if options.momentum != 0:
        yield f"{key}: follows plain gradient descent; set momentum: 0, not {options.momentum:g}"
    if any(strengths for _, strengths in options.regularizers):
        yield f"{key}: follows training without regularizers; give them an experiment of their own"
    if options.batch_size_schedule.stages or options.after_fit is not None:
        yield f"{key}: follows a training of constant batches to its end; leave out batch_size_schedule and after_fit"
    if len(set(measure.steps)) < len(measure.steps):
        yield f"{key}.steps: holds a value twice"
    if max(measure.steps) > options.updates():
        yield f"{key}.steps: {max(measure.steps)} is beyond the last of the {options.updates()} updates"
    if measure.over > min(measure.steps):
        yield f"{key}.over: {measure.over} is more than the {min(measure.steps)} steps"
    if measure.losses > measure.over:
        yield f"{key}.losses: {measure.losses} is more than the last {measure.over} steps that they are of"


def _needs_checkpoint(options: ExperimentOptions, measure: str) -> Iterator[str]:
    kept = options.checkpoints
    if not (kept.epochs or kept.fit or kept.losses):
        yield f"measures.{measure}: needs a checkpoint to measure; give checkpoints"
