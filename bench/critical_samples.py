"""Searching critical samples of trained networks: CPU seconds against the published code's way of doing it.

The published LASS goes one network at a time through NumPy arrays: a call for the gradient, a step and its noise in
NumPy, a call for the answers. `published` does so with torch for its two calls, and without the rule that stops early;
`torch_only` is what a careful user writes: tensors throughout, and the pass that gives the answers gives the next
gradient. All look at ten points in each of 250 boxes, of networks that were trained on real labels, in boxes so small
that few samples are critical, on random labels (most), and in boxes so large that nearly all are (for which the target,
a ratio of 3.5, was set). `--record` writes the tables into bench/README.md.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

os.environ.setdefault("MKL_CBWR", "AUTO")  # as every measuring job has it

import h5py
import numpy as np
import torch
from recording import processor, record
from torch import Tensor, nn
from torch.nn import functional

from closerlook.measures.critical_samples import Options
from closerlook.measures.critical_samples.run import critical_ratios
from closerlook.nets.mlp.run import MLP
from closerlook.numerics.lass import find_critical, find_random
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.runtime.streams import generator

DATA = Path(__file__).resolve().parent.parent / "data" / "mnist.h5"
NETWORKS, FEW, EXAMPLES, SAMPLES, ITERATIONS, ROUNDS = 32, 8, 1000, 250, 10, 11
WIDTHS = (128, 128)
NETWORK, OBJECTIVE = MLP((1, 14, 14), WIDTHS, 10), CrossEntropy()
FIRST, TWICE = "published style", "published style, radius and twice as much"


@dataclass(frozen=True)
class Boxes:
    """The boxes' radius in standardised units; a step's length and noise as shares of it, the authors' unless given."""

    radius: float
    step: float = 0.25 / 0.3
    noise: float = 0.2 / 0.3

    def twice(self) -> Boxes:
        """Return boxes twice as large."""
        return Boxes(2 * self.radius, self.step, self.noise)


def examples() -> tuple[Tensor, Tensor, float]:
    """Return standardised MNIST pooled to 14 x 14, its labels, and the pixel range in standardised units."""
    if not DATA.exists():
        sys.exit(f"{DATA} is needed: snakemake --cores 1 data/mnist.h5")
    count = EXAMPLES + SAMPLES
    with h5py.File(DATA) as file:
        images = file["train/images"][:count].reshape(count, 14, 2, 14, 2).mean(axis=(2, 4)) / 255
        labels = torch.from_numpy(file["train/labels"][:count].astype(np.int64))
    inputs = torch.from_numpy((images - images.mean()) / images.std()).float()
    return inputs.view(count, 1, 14, 14), labels, 1 / float(images.std())


def train(inputs: Tensor, labels: Tensor, epochs: int) -> Tensor:
    """Return the parameters of all networks after SGD: .01, momentum .9, batches of 32."""
    parameters = NETWORK.initialise(range(NETWORKS))
    velocity = NETWORK.views(torch.zeros_like(parameters))
    random = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for batch in torch.rand(NETWORKS, EXAMPLES, generator=random).argsort(dim=1).split(32, dim=1):
            outputs, tape = NETWORK.forward(parameters, inputs[batch])
            gradient = OBJECTIVE.gradient(outputs, labels.gather(1, batch)) / batch.shape[1]
            NETWORK.backward(tape, gradient, into=velocity, keep=0.9)
            for name, view in NETWORK.views(parameters).items():
                view.sub_(velocity[name], alpha=0.01)
    return parameters


def module(parameters: Tensor) -> nn.Module:
    """Return one network as a user has it."""
    linears = [nn.Linear(*pair) for pair in pairwise([196, *WIDTHS, 10])]
    layers: list[nn.Module] = [nn.Flatten()]
    for linear in linears:
        layers += [linear, nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    for theirs, own in zip(network.parameters(), NETWORK.views(parameters).values(), strict=True):
        theirs.data.copy_(own)
        theirs.requires_grad_(False)
    return network


def published(network: nn.Module, samples: np.ndarray, boxes: Boxes) -> float:
    """Search as the published code does, and return the share found."""
    step, noise = boxes.step * boxes.radius, boxes.noise * boxes.radius

    def predict(points: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(points)).numpy().argmax(axis=1)

    def gradient(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
        at = torch.from_numpy(points).requires_grad_()
        loss = functional.cross_entropy(network(at), torch.from_numpy(labels), reduction="sum")
        return torch.autograd.grad(loss, at)[0].numpy()

    points, first = samples.copy(), predict(samples)
    low, high = samples - boxes.radius, samples + boxes.radius
    answers, critical = first, np.zeros(len(samples), dtype=bool)
    for _ in range(ITERATIONS):
        eta = np.random.normal(size=points.shape)  # noqa: NPY002 (as published)
        moved = points + step * np.sign(gradient(points, answers)) + noise * eta
        points = np.clip(moved, low, high).astype(np.float32)
        answers = predict(points)
        critical |= answers != first
    return critical.mean()


def torch_only(network: nn.Module, samples: Tensor, boxes: Boxes) -> float:
    """Search with tensors alone, one pass forward and one back an iteration; return the share found."""
    step, noise = boxes.step * boxes.radius, boxes.noise * boxes.radius
    at = samples.clone().requires_grad_()
    outputs = network(at)
    first = outputs.argmax(dim=1)
    critical = torch.zeros(len(samples), dtype=torch.bool)
    for _ in range(ITERATIONS):
        (gradient,) = torch.autograd.grad(functional.cross_entropy(outputs, first, reduction="sum"), at)
        moved = at.detach() + step * gradient.sign() + noise * torch.randn_like(samples)
        at = torch.clamp(moved, samples - boxes.radius, samples + boxes.radius).requires_grad_()
        outputs = network(at)
        critical |= outputs.argmax(dim=1) != first
    return critical.float().mean().item()


def ours(parameters: Tensor, samples: Tensor, boxes: Boxes, **options) -> float:
    """Search a stack; return the share found."""
    draws = [generator("bench", member) for member in range(len(parameters))]
    lengths = {"step": boxes.step * boxes.radius, "noise": boxes.noise * boxes.radius, "iterations": ITERATIONS}
    found = find_critical(NETWORK, parameters, samples, boxes.radius, generators=draws, **lengths, **options)
    return found.critical.float().mean().item()


def corners(parameters: Tensor, samples: Tensor, boxes: Boxes) -> float:
    """Search at random, as the control does; return the share found."""
    draws = [generator("bench", member) for member in range(len(parameters))]
    found = find_random(NETWORK, parameters, samples, boxes.radius, tries=ITERATIONS, generators=draws)
    return found.critical.float().mean().item()


def sweep(parameters: Tensor, samples: Tensor, boxes: Boxes) -> float:
    """Search one network's boxes of two sizes, as the measure does; return the mean share found."""
    options = Options(radius=(0.5, 1.0), step=boxes.step, noise_scale=boxes.noise, iterations=ITERATIONS)
    shares = critical_ratios(NETWORK, parameters[None], samples, options, 2 * boxes.radius, generator("bench", 0))
    return sum(shares) / 2


def products(parameters: Tensor, samples: Tensor) -> float:
    """Take the matrix products of one network's search, nothing dropped, and nothing else; nothing is found."""
    weights = [view for name, view in NETWORK.views(parameters).items() if name.startswith("weight")]
    for iteration in range(ITERATIONS + 1):
        activation = samples.flatten(1).T
        for weight in weights:
            activation = weight @ activation
        if iteration < ITERATIONS:
            for weight in reversed(weights):
                activation = weight.T @ activation
    return float("nan")


def measure(parameters: Tensor, samples: Tensor, boxes: Boxes) -> tuple[dict, dict]:
    """Return the milliseconds a network of every tool and round, and the share of critical samples each found."""
    modules, array, few = [module(own) for own in parameters[:FEW]], samples.numpy(), parameters[:FEW]
    both = (boxes, boxes.twice())
    tools = {
        FIRST: (FEW, lambda: np.mean([published(own, array, boxes) for own in modules])),
        "torch, one network": (FEW, lambda: np.mean([torch_only(own, samples, boxes) for own in modules])),
        "closerlook, 8 networks": (FEW, lambda: ours(few, samples, boxes)),
        "closerlook, 32 networks": (NETWORKS, lambda: ours(parameters, samples, boxes)),
        "... all in one program, nothing dropped": (FEW, lambda: ours(few, samples, boxes, drop=False)),
        "... gradient at the sample alone": (FEW, lambda: ours(few, samples, boxes, gradient="fixed")),
        "the products alone, nothing dropped": (FEW, lambda: np.mean([products(own, samples) for own in few])),
        "random corners, 8 networks": (FEW, lambda: corners(few, samples, boxes)),
        TWICE: (FEW, lambda: np.mean([published(own, array, each) for each in both for own in modules])),
        "closerlook, radius and twice as much": (FEW, lambda: np.mean([sweep(own, samples, boxes) for own in few])),
    }
    times, shares = defaultdict(list), defaultdict(list)
    for number in range(ROUNDS + 1):
        for name, (count, action) in tools.items():
            start = time.process_time()
            share = action()
            if number:  # the first round warms up
                times[name].append(1e3 * (time.process_time() - start) / count)
                shares[name].append(share)
    return times, shares


def rows(times: dict, shares: dict) -> list[str]:
    """Return the table of one group of networks; ratios are medians of each round's own."""
    lines = ["| | CPU ms a network | ratio | critical |", "|---|---|---|---|"]
    for name, values in times.items():
        base = times[TWICE if "twice" in name else FIRST]
        ratio = median(theirs / own for theirs, own in zip(base, values, strict=True))
        share = f"{median(shares[name]):.3f}".replace("nan", "")
        lines.append(f"| {name} | {median(values):.1f} | **{ratio:.1f}** | {share} |")
    return lines


def main() -> None:
    """Train, measure, and print or record the tables."""
    torch.set_num_threads(1)
    inputs, labels, pixel = examples()
    true = labels[:EXAMPLES].expand(NETWORKS, -1)
    random = torch.randint(10, true.shape, generator=torch.Generator().manual_seed(1))
    lines = [
        f"{SAMPLES} samples, {ITERATIONS} iterations, 196-128-128-10, MNIST pooled to 14 x 14; "
        f"one thread of {processor()}, torch {torch.__version__}.",
        f"Medians of {ROUNDS} rounds, all in turn.",
    ]
    small, large = Boxes(0.01 * pixel), Boxes(0.3, step=0.1 / 0.3, noise=0.08 / 0.3)
    groups = {
        "Real labels, 40 epochs, boxes of .01 of the pixel range": (true, 40, small),
        "Random labels, 40 epochs, boxes of .01 of the pixel range": (random, 40, small),
        "The target's setting: real labels, 60 epochs, boxes .3, steps .1, noise .08, standardised": (true, 60, large),
    }
    for words, (targets, epochs, boxes) in groups.items():
        times, shares = measure(train(inputs[:EXAMPLES], targets, epochs), inputs[EXAMPLES:], boxes)
        table = ["", f"{words}:", "", *rows(times, shares)]
        print("\n".join(table), flush=True)
        lines += table
    if "--record" in sys.argv:
        record("critical_samples", lines)


if __name__ == "__main__":
    main()
