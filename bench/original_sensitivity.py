"""B-Fig 3 with the original script's own settings, one network a kind of data: Gini coefficients beside its curves.

    .venv/bin/python -m bench.original_sensitivity none randXu --output sensitivity.csv

196-32-32-10 on 1000 examples of MNIST 14 x 14, plain SGD at 0.05, minibatches of 32 drawn with replacement, the offset
loss, 250 losses over the last 500 updates before each horizon. A row is written after every horizon, so that a run that
is cut off keeps what it has. About half an hour of one CPU core for 100 000 updates and all horizons before.

`--inputs raw` trains on pixels from 0 to 1, which is how the script's noise looks; the default standardises them as the
workflow does, with which a network learns several times faster at the same learning rate.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("MKL_CBWR", "AUTO")  # as every training job has it

import h5py
import matplotlib as mpl
import torch

from closerlook import nets
from closerlook.data.corruption import write_noise
from closerlook.data.loading import load_training_data
from closerlook.figures import style
from closerlook.figures.rendering import save
from closerlook.measures.sensitivity import Options
from closerlook.measures.sensitivity.run import follow, minibatch_losses
from closerlook.numerics.gini import gini
from closerlook.objectives import OBJECTIVES
from closerlook.spec import Ensemble, Member
from closerlook.tables import rows as tables
from closerlook.training.job import to_problem
from closerlook.training.replay import Trajectory
from closerlook.training.stack import Problem, Stack

HORIZONS = (500, 800, 1200, 2000, 5000, 10_000, 30_000, 100_000)
KINDS = {"none": ("none", 0.0), "half": ("randXu", 0.5), "randXu": ("randXu", 1.0), "randX": ("randX", 1.0)}
EXAMPLES = 1000
ORIGINAL = {
    ("none", False): (0.222, 0.209, 0.204, 0.173, 0.281, 0.478, 0.584, 0.638),
    ("half", False): (0.233, 0.213, 0.174, 0.161, 0.135, 0.236, 0.352, 0.443),
    ("randXu", False): (0.190, 0.168, 0.152, 0.140, 0.129, 0.139, 0.217, 0.254),
    ("none", True): (0.246, 0.213, 0.189, 0.177, 0.173, 0.187, 0.184),
    ("randXu", True): (0.241, 0.207, 0.189, 0.175, 0.162, 0.162, 0.159),
}
"""Read off the original figure; with one class per example it ends at 30 000 updates."""
COLUMNS = ("kind", "own_class", "inputs", "seed", "steps", "gini", "original", "train_loss", "train_accuracy",
           "cpu_minutes")  # fmt: skip


def problem(spec: Ensemble, data: Path, raw: bool) -> tuple[Problem, int]:
    """Return the training problem of one network and its number of classes, on standardised or on raw pixels."""
    (noise,) = spec.noises
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{noise}.h5"
        write_noise(data, path, image_size=14, examples=EXAMPLES, noise=noise,
                    seeds=spec.members[0].seed + 1)  # fmt: skip
        loaded = load_training_data(spec, data, {noise: path})
        with h5py.File(path) as file:
            mean = json.loads(file.attrs["preprocessing"])["mean"]
    found = to_problem(loaded, torch.device("cpu"))
    if raw:
        found.pool.div_(found.pixel).add_(mean)
        found.pixel = 1.0
    return found, loaded.classes


def measure(kind: str, arguments: argparse.Namespace):
    """Yield a row for every horizon."""
    noise, level = KINDS[kind]
    member = Member(seed=arguments.seed, noise=noise, level=level, learning_rate=0.05, momentum=0.0)
    horizons = tuple(sorted(arguments.steps))
    spec = Ensemble(dataset="mnist", image_size=14, examples=EXAMPLES, validation_examples=100,
        network="mlp", widths=(32, 32), batch_size=32, epochs=10**6, members=(member,), objective="offset",
                    with_replacement=True, own_class=arguments.own_class)  # fmt: skip
    data, classes = problem(spec, arguments.data, arguments.inputs == "raw")
    network = nets.build(spec, data.pool.shape[1:], classes)
    stack = Stack(spec, [0], network, OBJECTIVES[spec.objective], data)
    options = Options(steps=horizons, losses=arguments.losses, at_once=arguments.at_once)
    start = time.process_time()
    trajectory = Trajectory(stack, horizons[-1], recompute=True)
    original = dict(zip(HORIZONS, ORIGINAL.get((kind, arguments.own_class), ()), strict=False))
    for horizon in horizons:
        sensitivity = follow(trajectory, minibatch_losses(options, trajectory, horizon), options.at_once)
        found = gini(sensitivity.mean(dim=0).numpy())
        _, state = next(trajectory.backwards(horizon))
        losses, correct = trajectory.evaluate(state)
        yield (kind, arguments.own_class, arguments.inputs, arguments.seed, horizon, f"{found:.4f}",
               original.get(horizon, ""), f"{losses.mean().item():.5f}", f"{correct.double().mean().item():.4f}",
               f"{(time.process_time() - start) / 60:.2f}")  # fmt: skip


LINES = {"none": ("none", 0.0, "real"), "randXu": ("randXu", 0.7, "uniform")}
INPUTS = {"standardised": ("-", None), "raw": (":", ".")}
"""Line and marker; None: the marker of the noise."""


def draw(table: Path, drawing: Path) -> None:
    """Draw the Gini coefficients of a CSV: ours as lines (dotted on raw pixels), the original's as stars."""
    rows = tables.read_table(table)
    with mpl.rc_context({**mpl.rcParamsDefault, **style.HOUSE}):
        figure = style.figure(style.SINGLE_COLUMN, 2.8)
        axes = figure.add_subplot()
        for kind, (noise, level, words) in LINES.items():
            of_kind, look = rows[rows["kind"] == kind].sort_values("steps"), {"color": style.colour(noise, level)}
            for inputs, line in of_kind.groupby("inputs", sort=False):
                dashes, marker = INPUTS[inputs]
                axes.plot(line["steps"], line["gini"], linestyle=dashes, marker=marker or style.marker(noise),
                          label=f"{words}, {inputs}", **look)  # fmt: skip
            stars = of_kind.drop_duplicates("steps")
            axes.plot(stars["steps"], stars["original"], marker="*", markersize=6, linestyle="--", linewidth=0.7,
                      label=f"{words}, original", **look)  # fmt: skip
        axes.set(xscale="log", xlabel="SGD steps", ylabel="Gini coefficient of sensitivities", ylim=(0, None))
        figure.legend(loc="outside upper center", ncols=2)
        save(figure, drawing, drawing.suffix[1:])


def main() -> None:
    """Measure the kinds of data one after the other and write a CSV; draw it, or one that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(KINDS)}; none: only draw")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--drawing", type=Path, help="draw the output to this file, .svg or .pdf")
    parser.add_argument("--data", type=Path, default=Path("data/mnist.h5"))
    parser.add_argument("--inputs", choices=("standardised", "raw"), default="standardised")
    parser.add_argument("--own-class", action="store_true", help="every training example is a class of its own")
    parser.add_argument("--steps", type=int, nargs="+", default=HORIZONS, help="updates before each measurement")
    parser.add_argument("--losses", type=int, default=250)
    parser.add_argument("--at-once", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if unknown := set(arguments.kinds) - set(KINDS):
        parser.error(f"no kind {', '.join(sorted(unknown))}; there are: {', '.join(KINDS)}")
    if arguments.kinds:
        write(arguments)
    if arguments.drawing:
        draw(arguments.output, arguments.drawing)


def write(arguments: argparse.Namespace) -> None:
    """Measure all kinds and write the CSV, row by row."""
    torch.set_num_threads(1)
    with arguments.output.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for kind in arguments.kinds:
            for row in measure(kind, arguments):
                writer.writerow(row)
                file.flush()
                print(*row, flush=True)


if __name__ == "__main__":
    main()
