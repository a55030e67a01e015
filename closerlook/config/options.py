"""The sections of `config.yaml`, as typed and strict models: every option with its bounds and its meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil, prod
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WrapValidator, model_validator

from closerlook.config.consistency import contradictions

Dataset = Literal["mnist", "fashion", "cifar10"]


def _listed(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else [value]


def _no_truth_value(value: Any, validate: Callable[[Any], float]) -> float:
    """Refuse what YAML makes of `yes` and `on`, which Python would take for 1."""
    if isinstance(value, bool):
        raise ValueError(f"{value}: input should be a number, not a truth value")
    return validate(value)


_Number = WrapValidator(_no_truth_value)
# Counts have an end so that a slip of the keyboard is refused here and not by a machine that has run out of memory.
_Typed = BeforeValidator(lambda value: int(value) if isinstance(value, str) and value.isdecimal() else value)
"""Snakemake hands nested values of `--config` on as text."""
Count = Annotated[int, Field(ge=1, le=1_000_000, strict=True), _Typed]
Several = Annotated[int, Field(ge=2, le=1_000_000, strict=True), _Typed]
Epoch = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
Level = Annotated[float, Field(ge=0, le=1), _Number]
Share = Annotated[float, Field(ge=0, lt=1), _Number]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), _Number]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), _Number]


class Strict(BaseModel):
    """A section in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ScheduleOptions(Strict):
    """Stages of a factor over the epochs."""

    stages: dict[Annotated[int, Field(ge=0, le=1_000_000)], Positive] = Field(
        {}, description="first epoch (from 0) of a stage: factor in force from then on, such as {60: 0.1}"
    )
    period: Count | None = Field(None, description="epochs after which the stages begin again; null: they do not")


class CheckpointOptions(Strict):
    """Which states of each network are kept for the measures."""

    epochs: list[Epoch] = Field([], description="after so many epochs; 0 is the initial state")
    fit: bool = Field(False, description="at the first epoch with every training example right")
    losses: list[Positive] = Field(
        [], description="when the loss over the training set first falls to the value, in nats"
    )


RegularizerName = Literal[
    "dropout", "input_dropout", "input_noise", "hidden_noise", "weight_decay", "adversarial", "lass"
]


class Regularizers(Strict):
    """Strengths; each trains networks of its own, with this regulariser alone, beside the unregularised ones."""

    dropout: list[Share] = Field([], description="share of hidden units dropped")
    input_dropout: list[Share] = Field([], description="share of inputs dropped")
    input_noise: list[NotNegative] = Field(
        [], description="standard deviation of Gaussian noise on standardised inputs"
    )
    hidden_noise: list[NotNegative] = Field([], description="standard deviation of Gaussian noise on hidden units")
    weight_decay: list[NotNegative] = Field([], description="factor of the parameters added to the gradient")
    adversarial: list[NotNegative] = Field(
        [], description="radius, in pixel units from 0 to 1, of fast-gradient-sign examples in half of each batch"
    )
    lass: list[Share] = Field([], description="weight of the loss at adversarial points that LASS finds; see `lass`")
    combined: list[dict[RegularizerName, NotNegative]] = Field(
        [], description="several at once, such as {dropout: 0.25, lass: 0.5}; each trains networks of its own"
    )

    def alone(self) -> Iterator[tuple[str, list[float]]]:
        """Yield each regulariser's name and the strengths at which it is used alone."""
        return ((name, values) for name, values in self if name != "combined")


class LassOptions(Strict):
    """The search for adversarial points in training: units of pixels from 0 to 1, as the paper's defaults are."""

    radius: Annotated[Positive, Field(le=1)] = Field(0.3 / 255, description="half the side of the box that is searched")
    step: Positive = Field(0.25 / 255, description="length of a step along the gradient's sign")
    noise: NotNegative = Field(0.2 / 255, description="standard deviation of the noise added to each step")
    iterations: Count = Field(10, description="steps of a search")


class AnswerOptions(Strict):
    """When it is recorded which training examples each network classifies as labelled."""

    steps: list[Count] = Field([], description="after so many updates, ascending; empty: not recorded")
    examples: Count = Field(1000, description="the first so many training examples")


class CurvatureOptions(Strict):
    """The measure `curvature`: largest eigenvalue, trace and Frobenius norm of the Hessian at each checkpoint."""

    tolerance: Positive = Field(1e-3, description="relative tolerance of the largest eigenvalue")
    trace_tolerance: Positive = Field(0.05, description="relative standard error of trace and Frobenius norm")
    max_products: Several = Field(60, description="Hessian-vector products a network for the eigenvalue, at most")
    max_probes: Several = Field(64, description="Hessian-vector products a network for trace and norm, at most")
    examples: Count | None = Field(None, description="size of a seeded subset of the training set; null: all of it")
    dtype: Literal["float32", "float64"] = Field("float32", description="arithmetic of the products")


class CriticalSamplesOptions(Strict):
    """The measure `critical_samples`: the share of examples whose predicted class changes within a small box.

    The box is searched by LASS at each checkpoint. `step` and `noise_scale` are shares of the radius; the defaults are
    those of *A Closer Look at Memorization*.
    """

    radius: Annotated[list[Annotated[Positive, Field(le=1)]], BeforeValidator(_listed), Field(min_length=1)] = Field(
        [0.3 / 255], description="half the side of the box, in pixel units from 0 to 1; several: each"
    )
    step: Positive = Field(0.25 / 0.3, description="length of a step along the gradient's sign, over the radius")
    noise_scale: NotNegative = Field(
        0.2 / 0.3, description="standard deviation of the noise on each step, over the radius"
    )
    iterations: Count = Field(100, description="steps of a search, at most")
    gradient: Literal["moving", "fixed"] = Field(
        "moving",
        description="where it is taken: the moving point (the authors' code) or the example (as printed)",
    )
    examples: Count | None = Field(None, description="validation examples searched around; null: all")
    training_examples: Epoch = Field(0, description="training examples of each network searched around; 0: none")
    random_tries: bool = Field(True, description="whether as many random corners of the box are tried as a control")


class SensitivityOptions(Strict):
    """The measure `sensitivity`: how later losses depend on training inputs, of mlps by plain SGD (`momentum: 0`)."""

    steps: Annotated[list[Count], Field(min_length=1)] = Field(description="numbers of updates after which to measure")
    losses: Count = Field(
        250, description="losses, evenly spaced over the last updates, whose derivatives are averaged"
    )
    over: Count = Field(500, description="how many last updates before each of the steps these losses are spaced over")
    at_once: Count = Field(
        64, description="losses that are carried back together; each takes examples x pixels numbers of 4 bytes"
    )
    recompute: bool = Field(
        True, description="keep about the square root of all states, compute the others again; false: keep all"
    )
    class_matrix: bool = Field(True, description="whether to measure it class by class too, at the last of the steps")


class Measures(Strict):
    """What is measured of each ensemble of the experiment."""

    curvature: CurvatureOptions | None = Field(None, description="options of the measure; null: not measured")
    critical_samples: CriticalSamplesOptions | None = Field(None, description="as above")
    sensitivity: SensitivityOptions | None = Field(None, description="as above")


class ExperimentOptions(Strict):
    """One experiment at one scale. A list is an axis of the grid; a single value may stand for a list of one."""

    paper: str = Field("", description="the paper it belongs to; in a paper's own file the folder says it")
    dataset: Annotated[list[Dataset], BeforeValidator(_listed), Field(min_length=1)] = Field(description="data sets")
    image_size: Count = Field(28, description="rows and columns after average pooling by a whole factor")
    examples: Annotated[list[Count], BeforeValidator(_listed), Field(min_length=1)] = Field(
        description="training examples, drawn anew for each seed"
    )
    same_examples: bool = Field(
        False,
        description="all networks see the training set of seed 0; initial weights and batch order differ",
    )
    own_class: bool = Field(False, description="each training example is a class of its own; nothing is validated")
    network: Literal["mlp", "alexnet"] = Field("mlp", description="architecture, a module of closerlook/nets")
    depth: Annotated[Count, Field(le=100)] = Field(2, description="hidden layers of an mlp")
    width: Annotated[list[Count], BeforeValidator(_listed), Field(min_length=1)] = Field(
        description="units of each hidden layer of an mlp; filters of an alexnet (paper: 200, dense layers 384 and 192)"
    )
    objective: Literal["cross_entropy", "offset"] = Field(
        "cross_entropy",
        description="what is minimised; offset: -log(0.1 + p), p the label's probability, over the number of classes",
    )
    noise: dict[Literal["none", "randX", "randXg", "randXu", "randY"], list[Level]] = Field(
        {"none": [0.0]},
        description="kinds of noise, each with its levels (share of corrupted training examples): Gaussian inputs with "
        "each pixel's moments (randX) or those of all pixels (randXg), uniform inputs (randXu), random labels (randY)",
    )
    seeds: Count = Field(description="networks per cell of the grid: seeds 0, 1, ...")
    batch_size: Annotated[list[Count], BeforeValidator(_listed), Field(min_length=1)] = Field(
        [32], description="examples a step"
    )
    with_replacement: bool = Field(
        False,
        description="whether each batch is drawn anew from all training examples, and not each example once an epoch",
    )
    batch_size_schedule: ScheduleOptions = Field(ScheduleOptions(), description="factors on the batch size")
    learning_rate: Annotated[list[Positive], BeforeValidator(_listed), Field(min_length=1)] = Field(
        [0.01], description="step size of stochastic gradient descent"
    )
    learning_rate_schedule: ScheduleOptions = Field(ScheduleOptions(), description="factors on the learning rate")
    momentum: Share = Field(0.9, description="momentum of stochastic gradient descent")
    regularizers: Regularizers = Field(Regularizers(), description="see below; empty: none")
    lass: LassOptions = Field(LassOptions(), description="see below; for networks with the regulariser of this name")
    epochs: Count = Field(description="passes over the training set, at most")
    after_fit: Epoch | None = Field(
        None, description="epochs that a network trains on once every training example is right; null: until `epochs`"
    )
    evaluate_every: Count = Field(1, description="epochs between evaluations")
    answers: AnswerOptions = Field(AnswerOptions(), description="see below")
    checkpoints: CheckpointOptions = Field(CheckpointOptions(), description="see below")
    measures: Measures = Field(Measures(), description="see below")

    @model_validator(mode="after")
    def _consistent(self) -> ExperimentOptions:
        for problem in contradictions(self):
            raise ValueError(problem)
        return self

    def networks(self) -> int:
        """Return how many networks the grid has at most, without expanding it."""
        axes = (self.dataset, self.examples, self.width, self.batch_size, self.learning_rate)
        noises = sum(map(len, self.noise.values()))
        regularized = sum(len(strengths) for _, strengths in self.regularizers)  # alone and combined
        return prod(map(len, axes)) * noises * (1 + regularized) * self.seeds

    def updates(self) -> int:
        """Return how many updates the shortest of its trainings takes: examples and batch sizes may be axes."""
        return self.epochs * ceil(min(self.examples) / max(self.batch_size))


class FigureOptions(Strict):
    """A figure: a module of closerlook/figures, and the experiments whose results it shows."""

    paper: str = Field("", description="the paper it belongs to; in a paper's own file the folder says it")
    experiments: Annotated[list[str], Field(min_length=1)] = Field(description="names of experiments")


class DataOptions(Strict):
    """The data sets and what is drawn from them."""

    folder: str | None = Field(None, description="a folder of yours with the official files; tried before any download")
    timeout: Positive = Field(5.0, description="seconds to wait for a server before the next source is tried")
    seeds: Annotated[Count, Field(le=10_000)] = Field(
        10, description="corrupted training sets of each kind; no experiment can have more seeds"
    )
    validation_examples: Count = Field(1000, description="clean examples that validation accuracy is measured on")
