"""Loss sensitivity through all updates: CPU seconds an update, against the unrolled graph and plain adjoints, in turn.

The network and settings of the original's script: 196-32-32-10, minibatches of 32 of 1000 examples, offset loss. The
unrolled graph is autograd through training with `create_graph=True`, as a user would write it; "double backward" is the
adjoint recursion with autograd's second-order products, one loss at a time. `--record` writes the table into
bench/README.md.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

os.environ.setdefault("MKL_CBWR", "AUTO")  # as every training job has it

import torch
from recording import processor, record
from training import problem, sgemm_rate

from closerlook.nets.mlp.run import MLP
from closerlook.numerics import adjoint
from closerlook.numerics.adjoint import LaterLoss, input_derivatives
from closerlook.numerics.second_order import AutogradAdjoints, MLPAdjoints
from closerlook.numerics.unrolled import unrolled_derivatives
from closerlook.objectives.offset import OffsetLikelihood
from closerlook.spec import Ensemble, Member
from closerlook.training.replay import Trajectory
from closerlook.training.stack import Stack

WIDTHS, BATCH, EXAMPLES, SIDE = (32, 32), 32, 1000, 14
UPDATES, ROUNDS, FURTHER = 256, 15, 4
AT_ONCE = (1, 10, 64, 250)


def trajectory() -> Trajectory:
    """Return a training run on random images."""
    member = Member(learning_rate=0.05, momentum=0.0)
    spec = Ensemble(
        dataset="mnist",
        image_size=SIDE,
        examples=EXAMPLES,
        validation_examples=10,
        network="mlp",
        widths=WIDTHS,
        batch_size=BATCH,
        epochs=100,
        members=(member,),
        with_replacement=True,
    )
    network = MLP((1, SIDE, SIDE), WIDTHS, 10)
    return Trajectory(Stack(spec, [0], network, OffsetLikelihood(), problem(1, SIDE, EXAMPLES)), UPDATES)


def contenders(run: Trajectory) -> dict[str, Callable[[], object]]:
    """Return what is timed, by name."""
    data, network, objective = run.stack.problem, run.stack.network, run.stack.objective
    setting = (network, objective, data.inputs(data.rows[0]), data.labels[0])
    start = next(run.backwards(0))[1]

    def losses(count: int) -> list[LaterLoss]:
        return [LaterLoss(UPDATES, run.batches[index % UPDATES]) for index in range(count)]

    def together(count: int, kind: type = MLPAdjoints) -> Callable[[], object]:
        def go() -> object:
            adjoint.MLPAdjoints = kind  # what the recursion takes for such a network
            return input_derivatives(run, losses(count), *setting)

        return go

    def unrolled(count: int) -> Callable[[], object]:
        return lambda: unrolled_derivatives(start, run.batches, run.rates, losses(count), *setting)

    ours = {f"ours {count}": together(count) for count in AT_ONCE}
    return ours | {
        "double backward": together(1, AutogradAdjoints),
        "unrolled 1": unrolled(1),
        "unrolled more": unrolled(1 + FURTHER),
    }


def cpu(action: Callable[[], object]) -> float:
    """Return CPU milliseconds an update."""
    start = time.process_time()
    action()
    return 1e3 * (time.process_time() - start) / UPDATES


def floor(rate: float) -> float:
    """Return milliseconds an update and loss of the matrix products alone, at the rate of a large one."""
    sizes = (SIDE**2, *WIDTHS, 10)
    weights = [a * b for a, b in pairwise(sizes)]
    # Forward, weights, inputs: 4 products of 2 operations; above the first layer each meets tangents, too.
    return 1e3 * BATCH * (8 * weights[0] + 12 * sum(weights[1:])) / rate


def main() -> None:
    """Time everything in turn and print, or record, the table."""
    torch.set_num_threads(1)
    runs = contenders(trajectory())
    rates, rounds = [], []
    for _ in range(ROUNDS + 1):
        rates.append(sgemm_rate())
        rounds.append({name: cpu(action) for name, action in runs.items()})
        print(rounds[-1], flush=True)
    times = {name: [one[name] for one in rounds[1:]] for name in runs}
    more = [(b - a) / FURTHER for a, b in zip(times["unrolled 1"], times["unrolled more"], strict=True)]
    least = floor(median(rates[1:]))
    lines = [
        f"196-32-32-10, minibatches of 32 of {EXAMPLES} examples, {UPDATES} updates; one thread of {processor()}, "
        f"torch {torch.__version__}; sgemm of 1024 reaches {median(rates[1:]) / 1e9:.0f} GFLOP/s. CPU time, medians of "
        f"{ROUNDS} rounds, all in turn; ratios are medians of ratios.",
        "",
        "| | ms an update | ms an update and loss | ratio | over the floor |",
        "|---|---|---|---|---|",
    ]
    best = [value / 250 for value in times["ours 250"]]
    rows = {f"closerlook, {count} at once": (times[f"ours {count}"], count) for count in AT_ONCE}
    rows["adjoint by double backward, one loss"] = (times["double backward"], 1)
    rows["unrolled graph, the first loss"] = (times["unrolled 1"], 1)
    rows["unrolled graph, each further loss"] = (more, 1)
    for words, (values, count) in rows.items():
        ratio = median(value / count / ours for value, ours in zip(values, best, strict=True))
        each = median(values) / count
        lines.append(f"| {words} | {median(values):.2f} | {each:.3f} | **{ratio:.1f}** | {each / least:.1f} |")
    growth = median(b / a for a, b in zip(times["ours 1"], times["ours 64"], strict=True))
    lines += ["", f"Floor: {least:.4f} ms. 64 losses cost {growth:.1f} times one."]
    print("\n".join(lines))
    if "--record" in sys.argv:
        record("sensitivity", lines)


if __name__ == "__main__":
    main()
