"""What can be tried on a few numbers: noises, networks, objectives, optimisers and regularisers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from closerlook.config.checking import ConfigError, checked
from closerlook.conformance.small import CLASSES, hold, hold_training, small, train, untried
from closerlook.data.corruption import draw_noise
from closerlook.data.images import Statistics
from closerlook.data.noise import NOISES
from closerlook.nets import NETS
from closerlook.nets.network import Network, Perturbation
from closerlook.objectives import OBJECTIVES
from closerlook.optimizers import OPTIMIZERS
from closerlook.regularizers import REGULARIZERS
from closerlook.spec import Checkpoints, Member, required

BATCH, STEP = 6, 1e-6


def try_noise(name: str) -> None:
    """Draw it twice: the same seed gives the same noise, and what is clean stays as it was."""
    if NOISES[name].replaces is None:
        return
    shape = (1, 4, 4)
    spread = np.full(shape, 0.5)
    statistics = Statistics(pixel_mean=spread, pixel_std=spread, mean=0.5, std=0.5, classes=CLASSES)
    inputs = np.random.default_rng(0).random((BATCH, *shape), dtype=np.float32)
    labels = np.arange(BATCH, dtype=np.uint8) % CLASSES
    before = inputs.copy(), labels.copy()
    first, second, other = (
        draw_noise(name, np.random.default_rng(seed), inputs, labels, statistics) for seed in (1, 1, 2)
    )
    kept = np.array_equal(inputs, before[0]) and np.array_equal(labels, before[1])
    hold(kept, "draw changes the clean examples that it is given")
    hold(np.array_equal(first, second), "draw gives other noise for the same seed")
    hold(not np.array_equal(first, other), "draw gives the same noise for every seed")


def try_network(name: str) -> str:
    """Hold its outputs, derivatives and curvature against differences in float64, and its training to the same bits."""
    architecture = NETS[name]
    if needed := required(architecture.options):
        return untried(needed)
    options = architecture.options()
    side, widths = _size(architecture, options)
    network = NETS.run(name).build((1, side, side), widths, CLASSES, options)
    declared = architecture.structure((1, side, side), widths, CLASSES, options)
    hold(
        list(network.shapes.items()) == list(declared.shapes.items()), "build has other parameters than layers declares"
    )
    draws = torch.Generator().manual_seed(0)
    parameters = network.initialise([1, 2]).double()
    inputs = torch.randn(2, BATCH, 1, side, side, dtype=torch.float64, generator=draws)
    outputs = network.forward(parameters, inputs)[0]
    hold(
        outputs.shape == (2, CLASSES, BATCH),
        f"outputs are of shape {tuple(outputs.shape)}, not (2, {CLASSES}, {BATCH})",
    )
    hold(outputs.isfinite().all(), "outputs are not finite")
    fewer = network.forward(parameters, inputs[:, :2])[0]
    hold(
        torch.allclose(outputs[..., :2], fewer), "an example's outputs depend on the others of its batch in evaluation"
    )
    _hold_derivatives(network, parameters, inputs, draws)
    _hold_curvature(network, parameters, inputs, draws)
    _hold_sites(network, parameters, inputs)
    hold_training(small(network=name, widths=widths, image_size=side, epochs=2, checkpoints=Checkpoints(epochs=(2,))))
    return ""


def _size(architecture: Any, options: Any) -> tuple[int, tuple[int, ...]]:
    """Return the first size of images, and widths for them, of which there is such a network."""
    for side in (8, 16, 28, 32):
        try:
            widths = architecture.widths(4, options)
            architecture.structure((1, side, side), widths, CLASSES, options)
        except ValueError as error:
            problem = error
        else:
            return side, widths
    raise problem


def _direction(network: Network, parameters: Tensor, draws: torch.Generator) -> Tensor:
    """Return a random direction that leaves the statistics alone."""
    direction = torch.randn(parameters.shape, dtype=parameters.dtype, generator=draws)
    for part in network.statistics:
        network.views(direction)[part].zero_()
    return direction


def _slope(function: Callable[[Tensor], Tensor], at: Tensor, direction: Tensor) -> Tensor:
    """Return the derivative along a direction, by differences."""
    return (function(at + STEP * direction) - function(at - STEP * direction)) / (2 * STEP)


def _hold_derivatives(network: Network, parameters: Tensor, inputs: Tensor, draws: torch.Generator) -> None:
    outputs, tape = network.forward(parameters, inputs)
    weights = torch.randn(outputs.shape, dtype=outputs.dtype, generator=draws)
    gradient = torch.zeros_like(parameters)
    parts = network.views(gradient)
    network.backward(tape, weights, {part: parts[part] for part in network.trained})
    direction = _direction(network, parameters, draws)

    def weighted(at: Tensor, seen: Tensor) -> Tensor:
        return (network.forward(at, seen)[0] * weights).sum((1, 2))

    slope = _slope(lambda at: weighted(at, inputs), parameters, direction)
    hold(
        torch.allclose((gradient * direction).sum(1), slope, rtol=1e-4), "backward is not the derivative of the outputs"
    )
    moved = torch.randn(inputs.shape, dtype=inputs.dtype, generator=draws)
    slope = _slope(lambda seen: weighted(parameters, seen), inputs, moved)
    along = network.input_gradient(network.forward(parameters, inputs)[1], weights)
    hold(torch.allclose((along * moved).flatten(1).sum(1), slope, rtol=1e-4), "input_gradient is not the derivative")


def _hold_curvature(network: Network, parameters: Tensor, inputs: Tensor, draws: torch.Generator) -> None:
    objective = OBJECTIVES["cross_entropy"]
    targets = torch.randint(CLASSES, inputs.shape[:2], generator=draws)
    direction = _direction(network, parameters, draws)
    product = network.hessian_operator(parameters, inputs, targets, objective)(direction.unsqueeze(1)).squeeze(1)

    def gradient(at: Tensor) -> Tensor:
        outputs, tape = network.forward(at, inputs)
        found = torch.zeros_like(at)
        parts = network.views(found)
        network.backward(
            tape, objective.gradient(outputs, targets) / BATCH, {part: parts[part] for part in network.trained}
        )
        return found

    expected = _slope(gradient, parameters, direction)
    scale = expected.abs().max()
    hold(
        torch.allclose(product, expected, rtol=1e-3, atol=1e-4 * scale), "hessian_operator is not the loss's curvature"
    )


def _hold_sites(network: Network, parameters: Tensor, inputs: Tensor) -> None:
    sites = network.sites(BATCH)
    plain = network.forward(parameters, inputs, Perturbation([None] * len(sites), [None] * len(sites)))[0]
    for place, shape in enumerate(sites):
        shift: list[Tensor | None] = [None] * len(sites)
        shift[place] = torch.ones(2, *shape, dtype=inputs.dtype)
        outputs = network.forward(parameters, inputs, Perturbation([None] * len(sites), shift))[0]
        hold(
            not torch.equal(outputs, plain),
            f"regularisers do not reach its site {place}: forward applies no perturbation",
        )


def try_objective(name: str) -> None:
    """Hold its gradient against that of its losses."""
    objective = OBJECTIVES[name]
    draws = torch.Generator().manual_seed(0)
    outputs = torch.randn(2, CLASSES, BATCH, dtype=torch.float64, generator=draws).requires_grad_()
    targets = torch.randint(CLASSES, (2, BATCH), generator=draws)
    losses = objective.losses(outputs, targets)
    hold(losses.shape == targets.shape, f"losses gives shape {tuple(losses.shape)}, not {tuple(targets.shape)}")
    hold(losses.isfinite().all(), "losses gives numbers that are not finite")
    (expected,) = torch.autograd.grad(losses.sum(), outputs)
    gradient = objective.gradient(outputs.detach(), targets)
    hold(gradient.shape == outputs.shape, f"gradient gives shape {tuple(gradient.shape)}, not that of the outputs")
    hold(torch.allclose(gradient, expected), "gradient is not the derivative of losses")
    directions = torch.randn(outputs.shape, dtype=outputs.dtype, generator=draws)
    product = objective.hessian_product(outputs.detach(), targets, directions)
    hold(product.shape == outputs.shape, f"hessian_product gives shape {tuple(product.shape)}, not that of the outputs")
    slope = _slope(lambda at: objective.gradient(at, targets), outputs.detach(), directions)
    hold(torch.allclose(product, slope, rtol=1e-4, atol=1e-6), "hessian_product is not the derivative of gradient")
    correct = objective.correct(outputs.detach(), targets)
    hold(correct.shape == targets.shape and correct.dtype == torch.bool, "correct gives no truth value an example")
    hold_training(small(objective=name))


def try_optimizer(name: str) -> None:
    """Take steps down a quadratic, and train: as many gradients and numbers as declared, the same bits in company."""
    declared = OPTIMIZERS[name]
    parameters = {"weight0": torch.ones(1, 2, 3)}
    updates, taken = declared.start(parameters), 0
    updates.begin_epoch([Member(learning_rate=0.01)], 1.0, 1.0)

    def gradient(into: Mapping[str, Tensor], keep: float) -> None:
        nonlocal taken
        taken += 1
        for part, values in into.items():
            values.mul_(keep).add_(updates.scale.view(-1, 1, 1) * parameters[part])

    updates.step(parameters, gradient)
    found = parameters["weight0"]
    hold(
        found.isfinite().all() and found.square().sum() < 6, "a step with learning rate 0.01 does not lower a quadratic"
    )
    hold(taken == declared.passes, f"a step takes {taken} gradients; it declares passes={declared.passes}")
    remembered = sum(values[0].numel() for values in updates.state.values()) / found[0].numel()
    hold(
        remembered <= declared.state,
        f"it remembers {remembered:g} numbers a parameter; it declares state={declared.state}",
    )
    loss = hold_training(small(optimizer=name, epochs=8))["history/train_loss"]
    hold((loss[:, -1] < loss[:, 0]).all(), "the loss of a small training does not fall")


def try_regularizer(name: str) -> str:
    """Train with it: other networks than without, the same bits twice and in company."""
    declared = REGULARIZERS[name]
    if needed := required(declared.options) if declared.options else []:
        return untried(needed)
    strength = _strength(declared.strength)
    spec = small((Member(seed=1, regularizers={name: strength}),))
    with_it, without = hold_training(spec), train(small())
    last = f"checkpoints/{spec.checkpoints.names()[-1]}"
    hold(not np.array_equal(with_it[last][:1], without[last]), f"at strength {strength:g} it changes nothing")
    return ""


def _strength(kind: Any) -> float:
    """Return a strength within its bounds."""
    for strength in (0.1, 0.01, 0.5, 1, 2, 10):
        try:
            return checked(kind, strength, str)
        except ConfigError as error:
            problem = error
    raise problem
