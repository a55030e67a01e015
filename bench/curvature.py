"""Largest Hessian eigenvalue, trace and Frobenius norm of 32 trained networks: CPU seconds against the public tools.

Every tool gets every network in turn, so that what else the machine does hits all alike; medians are reported. Errors
are against float64 Lanczos to 1e-9, which scipy's eigsh on curvlinops' float64 operator confirms on two networks.
`--record` writes the tables into bench/README.md.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from unittest import mock

import h5py
import numpy as np
import torch
from recording import processor, record
from torch import Tensor

warnings.filterwarnings("ignore")

import curvlinops
import hessian_eigenthings
import pyhessian
from scipy.sparse.linalg import eigsh

from closerlook.measures.curvature import Options
from closerlook.nets.mlp.run import MLP
from closerlook.numerics.hessian import Curvature, curvature
from closerlook.numerics.lanczos import Eigenpairs
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.runtime.streams import generator

ROOT = Path(__file__).resolve().parent.parent
NETWORKS, STACK, EXAMPLES, TRACE_NETWORKS = 32, 2, 1000, 8
WIDTHS = (128, 128)
NETWORK, OBJECTIVE = MLP((1, 14, 14), WIDTHS, 10), CrossEntropy()
LOSS = torch.nn.CrossEntropyLoss()


def examples() -> tuple[Tensor, Tensor, str]:
    """Return inputs, labels and what they are: MNIST pooled to 14 x 14 when it is there, else blobs of ten classes."""
    path = ROOT / "data" / "mnist.h5"
    if path.exists():
        with h5py.File(path) as file:
            images = file["train/images"][:EXAMPLES].reshape(EXAMPLES, 14, 2, 14, 2).mean(axis=(2, 4))
            labels = torch.from_numpy(file["train/labels"][:EXAMPLES].astype(np.int64))
        inputs = torch.from_numpy((images - images.mean()) / images.std()).float()
        return inputs.view(EXAMPLES, 1, 14, 14), labels, "MNIST, 14 x 14"
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(10, (EXAMPLES,), generator=random)
    centres = torch.randn(10, 1, 14, 14, generator=random)
    return centres[labels] + torch.randn(EXAMPLES, 1, 14, 14, generator=random), labels, "ten Gaussian blobs"


def train(inputs: Tensor, labels: Tensor) -> dict[int, Tensor]:
    """Return the parameters of all networks after 50 and 60 epochs of SGD: .01, momentum .9, batches of 32."""
    parameters = NETWORK.initialise(range(NETWORKS))
    velocity, kept = NETWORK.views(torch.zeros_like(parameters)), {}
    random = torch.Generator().manual_seed(0)
    for epoch in range(1, 61):
        for batch in torch.rand(NETWORKS, EXAMPLES, generator=random).argsort(dim=1).split(32, dim=1):
            outputs, tape = NETWORK.forward(parameters, inputs[batch])
            gradient = OBJECTIVE.gradient(outputs, labels[batch]) / batch.shape[1]
            NETWORK.backward(tape, gradient, into=velocity, keep=0.9)
            for name, view in NETWORK.views(parameters).items():
                view.sub_(velocity[name], alpha=0.01)
        kept[epoch] = parameters.clone() if epoch in (50, 60) else None
    outputs, _ = NETWORK.forward(parameters, inputs.expand(NETWORKS, *inputs.shape))
    accuracy = OBJECTIVE.correct(outputs, labels.expand(NETWORKS, -1)).float().mean()
    print(f"trained {NETWORKS} networks to {accuracy:.1%} of their {EXAMPLES} examples", flush=True)
    return kept


def ours(parameters: Tensor, inputs: Tensor, labels: Tensor, seed: int, **options) -> Curvature:
    """Measure a stack; probes are left out by a cap of 2 unless `max_probes` says otherwise."""
    count = len(parameters)
    start = options.pop("start", None)
    effort = Options(**({"max_probes": 2} | options))
    draws = [generator("bench", 1000 * seed + member) for member in range(count)]
    shared = inputs.to(parameters).expand(count, *inputs.shape)
    return curvature(
        NETWORK, parameters, shared, labels.expand(count, -1), OBJECTIVE, draws, start=start, effort=effort
    )


def module(parameters: Tensor) -> torch.nn.Module:
    """Return one network as the public tools want it."""
    sizes = [196, *WIDTHS, 10]
    linears = [torch.nn.Linear(*pair) for pair in pairwise(sizes)]
    layers = [torch.nn.Flatten()]
    for linear in linears:
        layers += [linear, torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1]).to(parameters.dtype)
    for theirs, own in zip(network.parameters(), NETWORK.views(parameters).values(), strict=True):
        theirs.data.copy_(own)
    return network


def pyhessian_eigenvalue(tolerance: float) -> Callable[..., float]:
    """PyHessian's power iteration."""

    def run(network: torch.nn.Module, inputs: Tensor, labels: Tensor) -> float:
        return pyhessian.hessian(network, LOSS, data=(inputs, labels), cuda=False).eigenvalues(tol=tolerance)[0][0]

    return run


def curvlinops_operator(network, inputs, labels, **options) -> curvlinops.HessianLinearOperator:
    """Curvlinops' Hessian."""
    return curvlinops.HessianLinearOperator(network, LOSS, list(network.parameters()), [(inputs, labels)], **options)


def curvlinops_eigenvalue(check: bool, **options) -> Callable[..., float]:
    """Scipy's eigsh on curvlinops' operator."""

    def run(network: torch.nn.Module, inputs: Tensor, labels: Tensor) -> float:
        operator = curvlinops_operator(network, inputs, labels, check_deterministic=check).to_scipy()
        return eigsh(operator, k=1, which="LA", return_eigenvectors=False, **options)[0]

    return run


def eigenthings_eigenvalue(steps: int) -> Callable[..., float]:
    """hessian-eigenthings' Lanczos."""

    def run(network: torch.nn.Module, inputs: Tensor, labels: Tensor) -> float:
        loss = hessian_eigenthings.supervised_loss(LOSS)
        operator = hessian_eigenthings.HessianOperator(network, [(inputs, labels)], loss)
        return float(hessian_eigenthings.lanczos(operator, k=1, max_iter=steps, which="LA", seed=0).eigenvalues[0])

    return run


def curvlinops_traces(probes: int, norm_probes: int) -> Callable[..., tuple[float, float]]:
    """Hutch++ for the trace, and Hutchinson for the squared Frobenius norm: the best settings of bench/README.md."""

    def run(network: torch.nn.Module, inputs: Tensor, labels: Tensor) -> tuple[float, float]:
        operator = curvlinops_operator(network, inputs, labels, check_deterministic=False)
        squared = curvlinops.hutchinson_squared_fro(operator, norm_probes) if norm_probes else torch.zeros(())
        return curvlinops.hutchpp_trace(operator, probes).item(), squared.sqrt().item()

    return run


EIGENVALUE_TOOLS = {
    "PyHessian, tol 1e-3 (default)": pyhessian_eigenvalue(1e-3),
    "PyHessian, tol 1e-4": pyhessian_eigenvalue(1e-4),
    "hessian-eigenthings lanczos, 10 steps": eigenthings_eigenvalue(10),
    "curvlinops + eigsh, tol .01, ncv 6, no check": curvlinops_eigenvalue(False, tol=0.01, ncv=6),
    "curvlinops + eigsh, defaults": curvlinops_eigenvalue(True),
}


class Clock:
    """CPU milliseconds a network, and relative errors, by what was run."""

    def __init__(self) -> None:
        self.spent, self.errors, self.products = defaultdict(list), defaultdict(list), defaultdict(list)

    def time(self, name: str, count: int, run: Callable, *arguments, **options):
        """Run, and note the CPU time of each of `count` networks."""
        start = time.process_time()
        result = run(*arguments, **options)
        self.spent[name].append((time.process_time() - start) / count * 1e3)
        return result

    def compare(self, name: str, values, truth) -> None:
        """Note relative errors."""
        self.errors[name] += np.abs(np.asarray(values) / np.asarray(truth) - 1).ravel().tolist()


def eigenvalues(checkpoints: dict[int, Tensor], inputs: Tensor, labels: Tensor) -> tuple[Clock, list[float]]:
    """Race all tools for the largest eigenvalue of every network after 60 epochs."""
    clock, single = Clock(), []
    for first in range(0, NETWORKS, STACK):
        stack = checkpoints[60][first : first + STACK]
        truth = ours(stack.double(), inputs, labels, 99, tolerance=1e-9).largest.eigenvalue.numpy()
        before = ours(checkpoints[50][first : first + STACK], inputs, labels, 0).largest.vector
        for seed in (1, 2):
            for name, start in (("closerlook", None), ("closerlook, warm from epoch 50", before)):
                found = clock.time(name, STACK, largest, stack, inputs, labels, seed, start)
                clock.compare(name, found.eigenvalue, truth)
                clock.products[name] += found.products.tolist()
        for number, parameters in enumerate(stack):
            for name, run in EIGENVALUE_TOOLS.items():
                value = clock.time(name, 1, run, module(parameters), inputs, labels)
                clock.compare(name, value, truth[number])
            if first + number < 2:
                exact = curvlinops_eigenvalue(False, tol=1e-8)
                value = exact(module(parameters.double()), inputs.double(), labels)
                single.append(abs(value / truth[number] - 1))
    return clock, single


def largest(stack: Tensor, inputs: Tensor, labels: Tensor, seed: int, start: Tensor | None) -> Eigenpairs:
    """Our eigenvalues without traces: what `curvature` does before its first probe."""
    nothing = SimpleNamespace(estimate=torch.zeros(len(stack)), stderr=torch.zeros(len(stack)))
    with mock.patch("closerlook.numerics.hessian.trace_and_frobenius", return_value=(nothing, nothing)):
        return ours(stack, inputs, labels, seed, start=start).largest


def traces(parameters: Tensor, inputs: Tensor, labels: Tensor) -> Clock:
    """Race for trace and Frobenius norm to 5 %; the truth is our own with 150 probes (to about 1 %)."""
    clock, own = Clock(), "closerlook: eigenvalue, trace and norm"
    tools = {"curvlinops: trace (Hutch++ 18)": (18, 0), "curvlinops: trace and norm (18 + 33)": (18, 33)}
    for stack in parameters.split(STACK):
        fine = ours(stack.double(), inputs, labels, 98, trace_tolerance=1e-9, max_probes=150)
        truth = np.stack([fine.trace.estimate, fine.frobenius.estimate])
        for seed in (1, 2):
            found = clock.time(own, len(stack), ours, stack, inputs, labels, seed, max_probes=64)
            clock.compare(own, [found.trace.estimate, found.frobenius.estimate], truth)
            clock.products[own] += (found.largest.products + found.trace.probes).tolist()
        for number, row in enumerate(stack):
            for name, settings in tools.items():
                value = clock.time(name, 1, curvlinops_traces(*settings), module(row), inputs, labels)
                kept = slice(None) if settings[1] else slice(1)
                clock.compare(name, value[kept], truth[kept, number])
    return clock


def floor(products: float) -> tuple[float, float, float]:
    """Return MFLOP a product, the sgemm rate in GFLOP/s at the size of a hidden layer, and ms for so many products."""
    first, *rest = (a * b for a, b in zip((196, *WIDTHS), (*WIDTHS, 10), strict=True))
    operations = 2 * EXAMPLES * (2 * first + 6 * sum(rest))
    left, right = torch.randn(WIDTHS[0], 196), torch.randn(196, EXAMPLES)
    seconds = []
    for _ in range(50):
        start = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - start)
    rate = 2 * left.numel() * EXAMPLES / median(seconds)
    return operations / 1e6, rate / 1e9, products * operations / rate * 1e3


def rows(clock: Clock, reference: str) -> list[str]:
    """Return a Markdown table, the reference's CPU time as 1."""
    lines = ["| | CPU ms a network | ratio | error: median, max | products |", "|---|---|---|---|---|"]
    base = median(clock.spent[reference])
    for name in clock.spent:
        spent, errors = median(clock.spent[name]), clock.errors[name]
        products = f"{np.mean(clock.products[name]):.1f}" if name in clock.products else ""
        error = f"{median(errors):.1g}, {max(errors):.1g}"
        lines.append(f"| {name} | {spent:.0f} | {spent / base:.2f} | {error} | {products} |")
    return lines


def main() -> None:
    """Run everything, print it, and with --record write it into bench/README.md."""
    torch.set_num_threads(1)
    inputs, labels, what = examples()
    checkpoints = train(inputs, labels)
    raced, confirmed = eigenvalues(checkpoints, inputs, labels)
    operations, rate, least = floor(np.mean(raced.products["closerlook"]))
    lines = [
        f"{NETWORKS} networks 196-128-128-10 on {EXAMPLES} examples ({what}), taken {STACK} at once by closerlook;",
        f"one thread of {processor()}, torch {torch.__version__}.",
        "",
        *rows(raced, "closerlook"),
        "",
        f"Floor: {operations:.0f} MFLOP a product at {rate:.0f} GFLOP/s (sgemm 128 x 196 x 1000) are {least:.0f} ms",
        f"for closerlook's cold products. float64 eigsh agrees with the reference to {max(confirmed):.0e}.",
        "",
        *rows(traces(checkpoints[60][:TRACE_NETWORKS], inputs, labels), "closerlook: eigenvalue, trace and norm"),
    ]
    print("\n".join(lines))
    if "--record" in sys.argv:
        record("curvature", lines)


if __name__ == "__main__":
    main()
