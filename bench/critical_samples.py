"""Searching critical samples of trained networks: CPU seconds against the published code's way of doing it.

The published LASS goes one network at a time through NumPy arrays: a call for the gradient, a step and its noise in
NumPy, a call for the answers. `published` does so with torch for its two calls, and without the rule that stops early;
`torch_only` is what a careful user writes: tensors throughout, and the pass that gives the answers gives the next
gradient. All look at ten points in each of 250 boxes, as the quick scale does, of networks that were trained on real
labels (few samples critical) and on random ones (most). `--record` writes the table into bench/README.md.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
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

from closerlook.measures.critical_samples import Search, critical_ratios
from closerlook.nets.lass import find_critical, find_random
from closerlook.nets.mlp import MLP
from closerlook.training.objectives import CrossEntropy
from closerlook.training.streams import generator

DATA = Path(__file__).resolve().parent.parent / "data" / "mnist.h5"
NETWORKS, FEW, EXAMPLES, SAMPLES, ITERATIONS, ROUNDS = 32, 8, 1000, 250, 10, 7
WIDTHS = (128, 128)
NETWORK, OBJECTIVE = MLP((1, 14, 14), WIDTHS, 10), CrossEntropy()
PIXELS = 0.01
FIRST, TWICE = "published style", "published style, radius and twice as much"


def examples() -> tuple[Tensor, Tensor, float]:
    """Return standardised MNIST pooled to 14 x 14, its labels, and the radius of the boxes in these units."""
    if not DATA.exists():
        sys.exit(f"{DATA} is needed: snakemake --cores 1 data/mnist.h5")
    count = EXAMPLES + SAMPLES
    with h5py.File(DATA) as file:
        images = file["train/images"][:count].reshape(count, 14, 2, 14, 2).mean(axis=(2, 4)) / 255
        labels = torch.from_numpy(file["train/labels"][:count].astype(np.int64))
    inputs = torch.from_numpy((images - images.mean()) / images.std()).float()
    return inputs.view(count, 1, 14, 14), labels, PIXELS / float(images.std())


def train(inputs: Tensor, labels: Tensor) -> Tensor:
    """Return the parameters of all networks after 40 epochs of SGD: .01, momentum .9, batches of 32."""
    parameters = NETWORK.initialise(range(NETWORKS))
    velocity = NETWORK.views(torch.zeros_like(parameters))
    random = torch.Generator().manual_seed(0)
    for _ in range(40):
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


def published(network: nn.Module, samples: np.ndarray, radius: float) -> float:
    """Search as the published code does, and return the share found."""
    step, noise = 0.25 / 0.3 * radius, 0.2 / 0.3 * radius

    def predict(points: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(points)).numpy().argmax(axis=1)

    def gradient(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
        at = torch.from_numpy(points).requires_grad_()
        loss = functional.cross_entropy(network(at), torch.from_numpy(labels), reduction="sum")
        return torch.autograd.grad(loss, at)[0].numpy()

    points, first = samples.copy(), predict(samples)
    low, high = samples - radius, samples + radius
    answers, critical = first, np.zeros(len(samples), dtype=bool)
    for _ in range(ITERATIONS):
        eta = np.random.normal(size=points.shape)  # noqa: NPY002 (as published)
        moved = points + step * np.sign(gradient(points, answers)) + noise * eta
        points = np.clip(moved, low, high).astype(np.float32)
        answers = predict(points)
        critical |= answers != first
    return critical.mean()


def torch_only(network: nn.Module, samples: Tensor, radius: float) -> float:
    """Search with tensors alone, one pass forward and one back an iteration; return the share found."""
    step, noise = 0.25 / 0.3 * radius, 0.2 / 0.3 * radius
    at = samples.clone().requires_grad_()
    outputs = network(at)
    first = outputs.argmax(dim=1)
    critical = torch.zeros(len(samples), dtype=torch.bool)
    for _ in range(ITERATIONS):
        (gradient,) = torch.autograd.grad(functional.cross_entropy(outputs, first, reduction="sum"), at)
        moved = at.detach() + step * gradient.sign() + noise * torch.randn_like(samples)
        at = torch.minimum(torch.maximum(moved, samples - radius), samples + radius).requires_grad_()
        outputs = network(at)
        critical |= outputs.argmax(dim=1) != first
    return critical.float().mean().item()


def ours(parameters: Tensor, samples: Tensor, radius: float, **options) -> float:
    """Search a stack; return the share found."""
    draws = [generator("bench", member) for member in range(len(parameters))]
    lengths = {"step": 0.25 / 0.3 * radius, "noise": 0.2 / 0.3 * radius, "iterations": ITERATIONS}
    found = find_critical(NETWORK, parameters, samples, radius, generators=draws, **lengths, **options)
    return found.critical.float().mean().item()


def corners(parameters: Tensor, samples: Tensor, radius: float) -> float:
    """Search at random, as the control does; return the share found."""
    draws = [generator("bench", member) for member in range(len(parameters))]
    found = find_random(NETWORK, parameters, samples, radius, tries=ITERATIONS, generators=draws)
    return found.critical.float().mean().item()


def sweep(parameters: Tensor, samples: Tensor, radius: float) -> float:
    """Search one network's boxes of two sizes, as the measure does; return the mean share found."""
    search = Search((PIXELS, 2 * PIXELS), 0.25 / 0.3, 0.2 / 0.3, ITERATIONS, "moving", random=False)
    shares = critical_ratios(NETWORK, parameters[None], samples, search, radius / PIXELS, generator("bench", 0))
    return sum(shares) / 2


def measure(parameters: Tensor, samples: Tensor, radius: float) -> tuple[dict, dict]:
    """Return the milliseconds a network of every tool and round, and the share of critical samples each found."""
    modules, array, few = [module(own) for own in parameters[:FEW]], samples.numpy(), parameters[:FEW]
    tools = {
        FIRST: (FEW, lambda: np.mean([published(own, array, radius) for own in modules])),
        "torch, one network": (FEW, lambda: np.mean([torch_only(own, samples, radius) for own in modules])),
        "closerlook, 8 networks": (FEW, lambda: ours(few, samples, radius)),
        "closerlook, 32 networks": (NETWORKS, lambda: ours(parameters, samples, radius)),
        "... all in one program, nothing dropped": (FEW, lambda: ours(few, samples, radius, drop=False)),
        "... gradient at the sample alone": (FEW, lambda: ours(few, samples, radius, gradient="fixed")),
        "random corners, 8 networks": (FEW, lambda: corners(few, samples, radius)),
        TWICE: (FEW, lambda: np.mean([published(own, array, r) for r in (radius, 2 * radius) for own in modules])),
        "closerlook, radius and twice as much": (FEW, lambda: np.mean([sweep(own, samples, radius) for own in few])),
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
        lines.append(f"| {name} | {median(values):.1f} | **{ratio:.1f}** | {median(shares[name]):.3f} |")
    return lines


def main() -> None:
    """Train, measure, and print or record the tables."""
    torch.set_num_threads(1)
    inputs, labels, radius = examples()
    true = labels[:EXAMPLES].expand(NETWORKS, -1)
    random = torch.randint(10, true.shape, generator=torch.Generator().manual_seed(1))
    lines = [
        f"{SAMPLES} samples, {ITERATIONS} iterations, 196-128-128-10, MNIST pooled to 14 x 14, "
        f"boxes of {PIXELS} of the pixel range;",
        f"one thread of {processor()}, torch {torch.__version__}. Medians of {ROUNDS} rounds, all in turn.",
    ]
    for words, targets in (("real", true), ("random", random)):
        times, shares = measure(train(inputs[:EXAMPLES], targets), inputs[EXAMPLES:], radius)
        lines += ["", f"Trained on {words} labels:", "", *rows(times, shares)]
        print("\n".join(lines[-13:]), flush=True)
    if "--record" in sys.argv:
        record("critical_samples", lines)


if __name__ == "__main__":
    main()
