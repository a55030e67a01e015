"""The plan before the run: what each experiment costs, on which device, and how good these estimates were so far.

    closerlook plan paper

takes seconds and imports no torch: it reads the configuration, and the results of scale `quick` where there are any.
"""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from closerlook import store
from closerlook.config.layers import ConfigError, Layer
from closerlook.config.reading import read_config
from closerlook.measures import MEASURES
from closerlook.measures.declaration import ENSEMBLE
from closerlook.planning.cost import Cost, measuring_cost, noise_cost, training_cost
from closerlook.planning.plan import Plan, PlanError
from closerlook.planning.rates import CPU_THREAD, DEVICES, Device
from closerlook.spec import Ensemble

REFERENCE_SCALE = "quick"
"""The scale whose results the estimates are held against."""


def experiment_costs(plan: Plan, experiment: str, device: str) -> list[Cost]:
    """Return the cost of every training job of an experiment, and of every measuring job that tells its own."""
    ensembles = list(plan.ensembles[experiment].values())
    costs = [training_cost(spec, device) for spec in ensembles]
    for measure, options in plan.config.experiments[experiment].measures.items():
        jobs = [[spec] for spec in ensembles] if MEASURES[measure].over == ENSEMBLE else [ensembles]
        told = (measuring_cost(measure, specs, options, device) for specs in jobs)
        costs += [cost for cost in told if cost is not None]
    return costs


def not_estimated(plan: Plan) -> list[str]:
    """Return the measures of a plan that do not tell what they cost."""
    used = {measure for options in plan.config.experiments.values() for measure in options.measures}
    return sorted(measure for measure in used if MEASURES[measure].cost is None)


def noise_costs(plan: Plan) -> list[Cost]:
    """Return the cost of every file of corrupted training sets."""
    files = {
        (spec.subset, noise): noise_cost(spec.dataset, spec.image_size, spec.examples, plan.config.data.seeds, noise)
        for ensembles in plan.ensembles.values()
        for spec in ensembles.values()
        for noise in spec.noises
    }
    return list(files.values())


def describe(plan: Plan) -> str:
    """Return the table of what a plan costs, an experiment a line, with the totals."""
    header = ["", "jobs", "networks", "TFLOP", "memory", "GPU memory", "disk", *(device.name for device in DEVICES)]
    groups = {name: {kind: experiment_costs(plan, name, kind) for kind in ("cpu", "cuda")} for name in plan.ensembles}
    networks = {
        name: sum(len(spec.members) for spec in ensembles.values()) for name, ensembles in plan.ensembles.items()
    }
    noise = noise_costs(plan)
    groups["noise"] = {"cpu": noise, "cuda": []}
    networks["noise"] = 0
    rows = [_row(name, networks[name], costs["cpu"], costs["cuda"]) for name, costs in groups.items()]
    every = {kind: [cost for costs in groups.values() for cost in costs[kind]] for kind in ("cpu", "cuda")}
    rows.append(_row("all", sum(networks.values()), every["cpu"], every["cuda"]))
    return "\n".join(
        [
            f"Scale {plan.scale}: at most (all epochs, all products); runs that stop early cost less.",
            "",
            *_aligned([header, *rows]),
            "",
            "memory: of the largest job, on a CPU; GPU memory: of the largest job on a GPU; 1 GB is 10^9 bytes.",
            *map(_about, DEVICES),
            *(f"{measure}: not estimated, and not in the table." for measure in not_estimated(plan)),
        ]
    )


def _about(device: Device) -> str:
    return (
        f"{device.name}: {device.rate / 1e9:,.0f} GFLOP/s, {device.step * 1e3:g} ms a step, {device.start:g} s a job; "
        f"{device.source}."
    )


def _row(name: str, networks: int, cpu: Sequence[Cost], cuda: Sequence[Cost]) -> list[str]:
    hours = [device.hours(cpu if device.kind == "cpu" else cuda) for device in DEVICES]
    return [
        name,
        str(len(cpu)),
        str(networks) if networks else "-",
        f"{sum(cost.flops for cost in cpu) / 1e12:,.3g}",
        _bytes(max(cost.memory for cost in cpu)),
        _bytes(max((cost.gpu_memory for cost in cuda), default=0)),
        _bytes(sum(cost.disk for cost in cpu)),
        *(_duration(each) if each else "-" for each in hours),
    ]


def _bytes(count: int) -> str:
    if not count:
        return "-"
    return f"{count / 1e9:,.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _duration(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else f"{hours * 60:.1f} min"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(pairs)
        ).rstrip()
        for pairs in (list(zip(row, widths, strict=True)) for row in rows)
    ]


def measured_errors(plan: Plan, root: Path) -> dict[str, list[float]]:
    """Return estimate over measurement of every finished job of a plan: what was measured -> one ratio a job.

    Parameters
    ----------
    plan : Plan
        The plan of the scale that was run.
    root : Path
        The folder with `results/` and `benchmarks/`.
    """
    ratios: dict[str, list[float]] = {}

    def enter(job: str, done: Cost | None, most: Cost, seconds: float, memory: float, path: Path) -> None:
        found = {"time for the work done": CPU_THREAD.seconds(done) / seconds} if done else {}
        found |= {
            "time at most": CPU_THREAD.seconds(most) / seconds,
            "memory": most.memory / memory,
            "disk": most.disk / path.stat().st_size,
        }
        for what, ratio in found.items():
            ratios.setdefault(f"{job}, {what}", []).append(ratio)

    for experiment, spec, folder in _finished(plan, root):
        seconds, memory = _benchmark(root, plan.scale, experiment, spec, "train")
        path = folder / "trained.h5"
        with store.read(path, "trained") as file:
            if store.read_spec(file) != spec or not str(file.attrs["device"]).startswith("cpu"):
                continue
            epochs = file["outcome/epochs"][:].tolist()
        enter("training", training_cost(spec, epochs=epochs), training_cost(spec), seconds, memory, path)
        for measure, options in plan.config.experiments[experiment].measures.items():
            path = folder / f"{measure}.h5"
            most = measuring_cost(measure, [spec], options) if MEASURES[measure].over == ENSEMBLE else None
            if most and path.exists() and _benchmark_path(root, plan.scale, experiment, spec, measure).exists():
                seconds, memory = _benchmark(root, plan.scale, experiment, spec, measure)
                enter(measure, None, most, seconds, memory, path)
    return ratios


def _finished(plan: Plan, root: Path) -> Iterator[tuple[str, Ensemble, Path]]:
    for experiment, ensembles in plan.ensembles.items():
        for spec in ensembles.values():
            folder = root / "results" / plan.scale / experiment / spec.name
            if (folder / "trained.h5").exists() and _benchmark_path(
                root, plan.scale, experiment, spec, "train"
            ).exists():
                yield experiment, spec, folder


def _benchmark_path(root: Path, scale: str, experiment: str, spec: Ensemble, rule: str) -> Path:
    return root / "benchmarks" / scale / experiment / spec.name / f"{rule}.tsv"


def _benchmark(root: Path, scale: str, experiment: str, spec: Ensemble, rule: str) -> tuple[float, float]:
    """Return a job's wall seconds and its peak resident memory in bytes."""
    with _benchmark_path(root, scale, experiment, spec, rule).open(encoding="utf-8") as file:
        row = next(csv.DictReader(file, delimiter="\t"))
    return float(row["s"]), float(row["max_rss"]) * 2**20


def describe_errors(ratios: dict[str, list[float]], scale: str) -> str:
    """Return how the estimates compare with what was measured, a line a quantity."""
    if not ratios:
        return f"No finished jobs of scale {scale} on a CPU here, so nothing to hold the estimates against."
    rows = [["estimate / measured", "median", "smallest", "largest", "jobs"]]
    for what, values in ratios.items():
        numbers = (statistics.median(values), min(values), max(values))
        rows.append([what, *(f"{number:.2f}" for number in numbers), str(len(values))])
    return "\n".join(
        [
            f"How good the estimates were at scale {scale} here (the rates were fitted to training jobs like these):",
            "",
            *_aligned(rows),
        ]
    )


def overview(layers: Sequence[Layer], scale: str | None = None) -> str:
    """Return the plan of a scale, and how good such estimates were so far.

    Parameters
    ----------
    layers : sequence of Layer
        The configuration (`closerlook.config.layers.stacked`).
    scale : str, optional
        The scale; without it, the one that the configuration names.

    Raises
    ------
    closerlook.config.layers.ConfigError, closerlook.planning.plan.PlanError
        If the scale is not possible. The one that estimates are held against need not be.
    """
    told = describe(Plan(read_config(layers, scale)))
    try:
        errors = measured_errors(Plan(read_config(layers, REFERENCE_SCALE)), Path())
    except (ConfigError, PlanError, store.StoreError) as error:
        return f"{told}\n\nNot held against results of scale {REFERENCE_SCALE}: {error}"
    return f"{told}\n\n{describe_errors(errors, REFERENCE_SCALE)}"
