"""The plan's arithmetic, against what torch counts, what the modules do, and what really is written."""

import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import yaml
from shipped import CONFIG, config
from torch.utils.flop_counter import FlopCounterMode, bmm_flop

from closerlook import nets
from closerlook.config.reading import SCALES
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.planning import cost, rates
from closerlook.planning.overview import describe, noise_costs
from closerlook.planning.plan import Plan
from closerlook.spec import Checkpoints, Ensemble, Member, Schedule
from closerlook.training import epoch, stack, trainer

SPEC = Ensemble(
    dataset="mnist",
    image_size=14,
    examples=64,
    validation_examples=32,
    network="mlp",
    widths=(24, 16),
    batch_size=16,
    epochs=4,
    evaluate_every=2,
    members=(Member(seed=0), Member(seed=1, noise="randX", level=0.5)),
)


def build(spec):
    return nets.build(spec, (1, spec.image_size, spec.image_size), 10)


def counted(work):
    """Return the operations that torch counts in the matrix products of some work; it knows no in-place ones."""

    def in_place(into, left, right, **_):
        return bmm_flop(left, right)

    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.baddbmm_: in_place}) as counter:
        work()
    return counter.get_total_flops()


def problem(spec):
    count = len(spec.members)
    pool = torch.randn(spec.examples, 1, spec.image_size, spec.image_size)
    return stack.Problem(
        pool=pool,
        rows=torch.arange(spec.examples).expand(count, -1).contiguous(),
        labels=torch.randint(10, (count, spec.examples)),
        is_noise=torch.zeros(count, spec.examples, dtype=torch.bool),
        validation_inputs=torch.randn(spec.validation_examples, 1, spec.image_size, spec.image_size),
        validation_labels=torch.randint(10, (spec.validation_examples,)),
        pixel=1.0,
    )


def test_operations_of_training_are_those_that_torch_counts():
    work = problem(SPEC)
    found = counted(lambda: trainer.train_ensemble(SPEC, build(SPEC), CrossEntropy(), work))
    assert cost.training_cost(SPEC).flops == found


def test_operations_of_adversarial_training_are_those_that_torch_counts():
    spec = replace(SPEC, members=tuple(replace(member, regularizers={"adversarial": 0.1}) for member in SPEC.members))
    work = problem(spec)
    found = counted(lambda: trainer.train_ensemble(spec, build(spec), CrossEntropy(), work))
    assert cost.training_cost(spec).flops == found


def test_operations_of_lass_training_are_bounded_and_near_what_torch_counts():
    spec = replace(SPEC, members=tuple(replace(member, regularizers={"lass": 0.5}) for member in SPEC.members))
    work = problem(spec)
    found = counted(lambda: trainer.train_ensemble(spec, build(spec), CrossEntropy(), work))
    assert found <= cost.training_cost(spec).flops <= 1.2 * found  # a search may end early


@pytest.mark.parametrize("batch_schedule", [Schedule(), Schedule({2: 2.0})], ids=["constant", "doubling"])
def test_steps_are_those_that_the_stacks_take(batch_schedule, monkeypatch):
    spec = replace(SPEC, examples=50, batch_size_schedule=batch_schedule)
    taken = []
    step = epoch.Epoch.step
    monkeypatch.setattr(epoch.Epoch, "step", lambda self, batch: (taken.append(batch), step(self, batch))[1])
    trainer.train_ensemble(spec, build(spec), CrossEntropy(), problem(spec))
    assert cost.training_cost(spec).steps == len(taken)


@pytest.mark.parametrize("checkpoints", [Checkpoints(), Checkpoints(epochs=(0, 4))], ids=["none", "two"])
def test_disk_of_training_is_within_a_tenth_of_what_is_written(checkpoints, tmp_path):
    spec = replace(SPEC, checkpoints=checkpoints, epochs=40, members=SPEC.members * 10)
    record = trainer.Record(spec, build(spec))
    record.write(tmp_path / "trained.h5", {"torch": "2"}, "cpu")
    assert cost.training_cost(spec).disk == pytest.approx((tmp_path / "trained.h5").stat().st_size, rel=0.1)


def test_a_gpu_takes_larger_stacks_and_its_memory_is_told():
    spec = replace(SPEC, widths=(512, 512), members=tuple(Member(seed=seed) for seed in range(20)))
    cpu, cuda = (cost.training_cost(spec, kind) for kind in ("cpu", "cuda"))
    assert cuda.steps < cpu.steps
    assert cuda.flops == cpu.flops
    assert cpu.gpu_memory == 0 < cuda.gpu_memory


def test_noise_on_inputs_is_what_takes_the_disk():
    inputs, labels = (cost.noise_cost("mnist", 28, 1000, 5, kind).disk for kind in ("randX", "randY"))
    assert inputs - labels == 5 * 1000 * (4 * 28**2 - 1)


def test_reservations_grow_with_the_attempt():
    job = cost.training_cost(SPEC)
    for reserve in (rates.reserved_megabytes, rates.reserved_minutes):
        first, second = (reserve(job, rates.CPU_THREAD, attempt) for attempt in (1, 2))
        assert second in (2 * first - 1, 2 * first), reserve.__name__  # rounded up once each


@pytest.mark.parametrize("scale", SCALES)
def test_a_group_of_short_jobs_fits_the_hour_of_a_short_queue(scale):
    plan = Plan(config(scale))
    size = yaml.safe_load((CONFIG.parent / "profiles/slurm/profile.yaml").read_text())["group-components"]["noise"]
    minutes = [rates.reserved_minutes_in_a_group(job, rates.CPU_THREAD) for job in noise_costs(plan)]
    assert sum(sorted(minutes)[-size:]) <= 60


def test_hours_are_bounded_by_the_longest_job():
    long = cost.Cost(flops=3600 * rates.CPU_TWO_CORES.rate, steps=0, memory=0, gpu_memory=0, disk=0)
    assert rates.CPU_TWO_CORES.hours([long]) == pytest.approx(1, rel=0.01)
    assert rates.CPU_TWO_CORES.hours([long, long, long]) == pytest.approx(1.5, rel=0.01)


def test_overview_takes_seconds_and_no_torch(tmp_path):
    shutil.copy(CONFIG, tmp_path)
    program = (
        "import sys; from closerlook.__main__ import main; main(['plan', 'paper']);"
        "sys.exit('torch was imported' if 'torch' in sys.modules else 0)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert found.returncode == 0, found.stderr
    for word in ("capacity", "regularizers", "noise", "all", "1 H100", "GPU memory"):
        assert word in found.stdout


def test_networks_of_the_overview_are_those_of_the_plan():
    plan = Plan(config("smoke"))
    last = next(line for line in describe(plan).splitlines() if line.startswith("all "))
    assert last.split()[2] == str(plan.networks())
