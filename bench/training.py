"""The ensemble trainer against a plain PyTorch loop: CPU seconds a network-epoch, in turn, medians.

The plain loop is what a careful user writes: a module, torch.optim.SGD, tensors already in memory, no DataLoader, a
fresh shuffle each epoch. Both only train: the trainer evaluates once, at the end, and that is counted. `--record`
writes the table into bench/README.md.
"""

from __future__ import annotations

import os
import sys
import time
from itertools import pairwise
from statistics import median

os.environ.setdefault("MKL_CBWR", "AUTO")  # as every training job has it

import torch
from recording import processor, record
from torch import nn
from torch.nn import functional

from closerlook.nets.mlp.run import MLP
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.spec import Ensemble, Member
from closerlook.training.stack import Problem
from closerlook.training.trainer import train_ensemble

CASES = ((32, 14, (64, 64), 32, 1000), (32, 14, (128, 128), 32, 1000), (8, 28, (256, 256), 128, 5000))
ROUNDS, EPOCHS = 7, 4


def problem(networks: int, side: int, examples: int) -> Problem:
    """Return random images and labels, the same for every network."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(10, (examples,), generator=generator)
    return Problem(
        pool=torch.randn(examples, 1, side, side, generator=generator),
        rows=torch.arange(examples).repeat(networks, 1),
        labels=labels.repeat(networks, 1),
        is_noise=torch.zeros(networks, examples, dtype=torch.bool),
        validation_inputs=torch.randn(10, 1, side, side, generator=generator),
        validation_labels=torch.zeros(10, dtype=torch.long),
        pixel=1.0,
    )


def stacked(networks: int, side: int, widths: tuple[int, ...], batch: int, data: Problem) -> float:
    """Return CPU seconds a network-epoch of the ensemble trainer."""
    examples = data.rows.shape[1]
    members = tuple(Member(seed=seed) for seed in range(networks))
    spec = Ensemble(
        dataset="mnist",
        image_size=side,
        examples=examples,
        validation_examples=10,
        network="mlp",
        widths=widths,
        batch_size=batch,
        epochs=EPOCHS,
        members=members,
        evaluate_every=EPOCHS,
    )
    start = time.process_time()
    train_ensemble(spec, MLP((1, side, side), widths, 10), CrossEntropy(), data)
    return (time.process_time() - start) / (networks * EPOCHS)


def plain(side: int, widths: tuple[int, ...], batch: int, data: Problem) -> float:
    """Return CPU seconds a network-epoch of a plain loop."""
    sizes = (side * side, *widths)
    hidden = [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())]
    model = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(sizes[-1], 10))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    inputs, labels = data.pool, data.labels[0]
    start = time.process_time()
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(inputs)).split(batch):
            optimiser.zero_grad()
            functional.cross_entropy(model(inputs[chosen]), labels[chosen]).backward()
            optimiser.step()
    return (time.process_time() - start) / EPOCHS


def sgemm_rate(rounds: int = 20) -> float:
    """Return FLOP a second of a large float32 matrix product."""
    matrix = torch.randn(1024, 1024)
    best = min(_seconds(lambda: matrix @ matrix) for _ in range(rounds))
    return 2 * 1024**3 / best


def _seconds(action) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def main() -> None:
    """Time every case in turn and print, or record, the table."""
    torch.set_num_threads(1)
    rate = sgemm_rate()
    lines = [
        f"One thread of {processor()}, torch {torch.__version__}; sgemm of 1024 reaches {rate / 1e9:.0f} GFLOP/s. "
        f"Medians of {ROUNDS} rounds, the two in turn.",
        "",
        "| networks | plain loop, ms a network-epoch | stacked | ratio | floor | ratio at the floor |",
        "|---|---|---|---|---|---|",
    ]
    for networks, side, widths, batch, examples in CASES:
        data = problem(networks, side, examples)
        pairs = [
            (plain(side, widths, batch, data), stacked(networks, side, widths, batch, data)) for _ in range(ROUNDS + 1)
        ][1:]
        loop, ours = (median(times) for times in zip(*pairs, strict=True))
        weights = [a * b for a, b in zip((side * side, *widths), (*widths, 10), strict=True)]
        floor = 2 * examples * (3 * sum(weights) - weights[0]) / rate
        shape = "-".join(map(str, (side * side, *widths, 10)))
        lines.append(
            f"| {networks} × {shape}, batch {batch} | {1e3 * loop:.1f} | {1e3 * ours:.2f} | "
            f"**{median(a / b for a, b in pairs):.1f}** | {1e3 * floor:.2f} | {loop / floor:.1f} |"
        )
        print(lines[-1], flush=True)
    print("\n".join(lines))
    if "--record" in sys.argv:
        record("training", lines)


if __name__ == "__main__":
    main()
