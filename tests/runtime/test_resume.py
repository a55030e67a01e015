"""A job that is killed and goes on ends with the bits of one that was never disturbed."""

import numpy as np
import pytest
from problems import CLASSES, SIDE, problem, spec

from closerlook.nets.mlp.run import MLP
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.runtime.resume import Sidecar
from closerlook.spec import Checkpoints, Member, Schedule
from closerlook.training import limits
from closerlook.training.trainer import train_ensemble

IDENTITY = {"spec": "s", "versions": "v", "device": "d"}
MEMBERS = (
    Member(seed=0, learning_rate=0.05),
    Member(seed=1, learning_rate=0.01),
    Member(seed=2, learning_rate=1e-4),
    Member(seed=3, regularizers={"dropout": 0.3}),
    Member(seed=4, learning_rate=1e6),
)
SPEC = spec(
    *MEMBERS,
    epochs=25,
    after_fit=2,
    evaluate_every=3,
    learning_rate_schedule=Schedule({8: 0.5}),
    checkpoints=Checkpoints((0,), True, (0.6,)),
)


class Killed(Exception):
    pass


def run(sidecar=None, progress=lambda epochs: None):
    network = MLP((1, SIDE, SIDE), SPEC.widths, CLASSES)
    return train_ensemble(SPEC, network, CrossEntropy(), problem(len(MEMBERS)), progress, sidecar)


def sidecar(tmp_path, lines=None, **identity):
    log = (lambda line: None) if lines is None else lines.append
    return Sidecar(tmp_path / "trained.resume.h5", IDENTITY | identity, 0.0, log)


def run_until(tmp_path, calls):
    """Train, saving after every epoch, and die when progress is told for the n-th time."""
    told = []

    def progress(epochs):
        told.append(epochs)
        if len(told) == calls:
            raise Killed

    run(sidecar(tmp_path), progress)


@pytest.fixture
def small_stacks(monkeypatch):
    monkeypatch.setitem(limits.CACHE_BYTES, "cpu", 2 * 8 * MLP((1, SIDE, SIDE), SPEC.widths, CLASSES).size)


@pytest.mark.parametrize("calls", [1, 2, 7, 9, 20, 27, 33, 45])
def test_killed_anywhere_and_gone_on_is_the_same_to_the_bit(tmp_path, small_stacks, calls):
    undisturbed = run().arrays()
    with pytest.raises(Killed):
        run_until(tmp_path, calls)
    lines = []
    resumed = run(sidecar(tmp_path, lines)).arrays()
    assert (len(lines) == 1 and "going on after" in lines[0]) or calls == 1
    for name, values in undisturbed.items():
        np.testing.assert_array_equal(resumed[name], values, name)


def test_killed_again_and_again_is_still_the_same(tmp_path, small_stacks):
    undisturbed = run().arrays()
    for _ in range(6):
        with pytest.raises(Killed):
            run_until(tmp_path, 9)
    resumed = run(sidecar(tmp_path)).arrays()
    for name, values in undisturbed.items():
        np.testing.assert_array_equal(resumed[name], values, name)


def test_progress_is_complete_after_going_on(tmp_path, small_stacks):
    with pytest.raises(Killed):
        run_until(tmp_path, 20)
    done = []
    run(sidecar(tmp_path), done.append)
    assert sum(done) == len(MEMBERS) * SPEC.epochs


@pytest.mark.parametrize("part", list(IDENTITY))
def test_state_of_another_job_is_ignored_with_a_line(tmp_path, part):
    with pytest.raises(Killed):
        run_until(tmp_path, 5)
    lines = []
    assert sidecar(tmp_path, lines, **{part: "other"}).load() is None
    assert lines == [f"trained.resume.h5: of another {part}; starting anew"]


def test_damaged_state_is_ignored_with_a_line(tmp_path):
    with pytest.raises(Killed):
        run_until(tmp_path, 5)
    path = tmp_path / "trained.resume.h5"
    path.write_bytes(path.read_bytes()[:1000])
    lines = []
    assert sidecar(tmp_path, lines).load() is None
    assert len(lines) == 1
    assert "starting anew" in lines[0]


def test_saving_waits_for_its_interval_and_costs_little(tmp_path):
    kept = Sidecar(tmp_path / "trained.resume.h5", IDENTITY, 1000.0, print)
    run(kept)
    assert not kept.path.exists()
