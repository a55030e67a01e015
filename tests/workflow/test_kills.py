"""Killed at random moments, the workflow goes on by the same command, and no reader ever sees half a file."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import psutil
import pytest

from closerlook.publish.verification import copy_checkout

SEED = 3
TARGETS = ("job", "main", "group")
ROUNDS = {signal.SIGKILL: 17, signal.SIGTERM: 2}  # of each target: 51 SIGKILLs, 6 SIGTERMs
COMMAND = [sys.executable, "-m", "snakemake", "--cores", "2", "--config", "scale=smoke"]


class Reader:
    """Reads whatever lies under a result's name, at any moment: it must be whole, the bytes of an undisturbed run."""

    def __init__(self, results, reference):
        self.results, self.looks, self.seen = results, 0, {}
        self.reference = {path.relative_to(reference): path.read_bytes() for path in files(reference)}

    def look(self):
        for path in files(self.results):
            try:
                status = path.stat()
                key = (status.st_ino, status.st_mtime_ns, status.st_size)
                content = None if self.seen.get(path) == key else path.read_bytes()
            except FileNotFoundError:
                continue  # removed before its job runs again
            if content is not None:
                name = path.relative_to(self.results)
                assert content == self.reference[name], f"{name}: other bytes than an undisturbed run's"
                self.seen[path], self.looks = key, self.looks + 1

    def count(self):
        return len(files(self.results))

    def assert_complete(self):
        self.look()
        assert {path.relative_to(self.results) for path in files(self.results)} == set(self.reference)
        assert litter(self.results) == []


def files(folder):
    """Return the files under a result's name: temporary and resumption files are none."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".") and ".resume." not in path.name
    ]


def litter(folder):
    return [path.name for path in folder.rglob(".*.tmp")]


def start(project):
    with (project.folder / "run.log").open("wb") as log:
        return subprocess.Popen(COMMAND, cwd=project.folder, stdout=log, stderr=log, start_new_session=True)


def log_of(project):
    return (project.folder / "run.log").read_text()[-4000:]


def jobs_of(run):
    """Return the processes of a run's jobs."""
    try:
        children = psutil.Process(run.pid).children(recursive=True)
        return [child for child in children if "/.snakemake/scripts/" in " ".join(child.cmdline())]
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def wait_for(run, ready, reader, seconds=60):
    """Look at the results until `ready` or the end of the run; return whether the run is still going."""
    deadline = time.monotonic() + seconds
    while run.poll() is None and not ready():
        assert time.monotonic() < deadline, "nothing happens"
        reader.look()
        time.sleep(0.05)
    return run.poll() is None


def strike(run, target, number, rng):
    """Send the signal; return the pids that it must end at once."""
    jobs = jobs_of(run)
    if target == "job":
        if not jobs:
            return None
        victim = rng.choice(jobs)
        victim.send_signal(number)
        return [victim]
    if target == "main":
        os.kill(run.pid, number)
        # SIGTERM lets running jobs end; a killed Snakemake takes its jobs with it
        return jobs if number == signal.SIGKILL else []
    os.killpg(run.pid, number)
    return jobs


def test_any_kill_at_any_moment_leads_to_the_bytes_of_an_undisturbed_run(built, tmp_path, capsys):
    rng = random.Random(SEED)
    plan = [(number, target) for number, rounds in ROUNDS.items() for target in TARGETS for _ in range(rounds)]
    rng.shuffle(plan)
    project = type(built)(tmp_path / "killed often")
    copy_checkout(built.folder, project.folder, built.folder / "data")
    reader = Reader(project.folder / "results", built.folder / "results")
    survived, completed, began = Counter(), 0, time.monotonic()
    before = -1
    while plan:
        number, target = plan[-1]
        run = start(project)
        moment = time.monotonic() + rng.uniform(0, 4)  # from the start of Python to the first jobs
        stuck = reader.count() <= before
        before = reader.count()
        alive = wait_for(run, lambda: time.monotonic() >= moment, reader)  # noqa: B023
        if alive and (target == "job" or stuck or rng.random() < 0.5):
            progress = (lambda: reader.count() > before) if stuck else (lambda: bool(jobs_of(run)))  # noqa: B023
            alive = wait_for(run, progress, reader)
            moment = time.monotonic() + rng.uniform(0, 2)
            alive = alive and wait_for(run, lambda: time.monotonic() >= moment, reader)  # noqa: B023
        struck = strike(run, target, number, rng) if alive else None
        code = run.wait(timeout=120)
        if struck is None:  # it ended, or had no job at that moment
            assert code == 0, log_of(project)
        else:
            _gone, left = psutil.wait_procs(struck, timeout=10)
            assert not left, f"a job outlived the {target}"
            plan.pop()
            survived[f"{number.name} of {target}"] += 1
        reader.look()
        if code == 0:
            reader.assert_complete()
            completed += 1
            shutil.rmtree(reader.results)
            before = -1
    final = project.snakemake()
    assert final.returncode == 0, final.stderr[-4000:]
    reader.assert_complete()
    assert project.would_run() == {}
    with capsys.disabled():
        seconds = time.monotonic() - began
        print(f"\nsurvived {dict(survived)}; {completed + 1} times complete, {reader.looks} reads, {seconds:.0f} s")
    assert sum(count for name, count in survived.items() if name.startswith("SIGKILL")) >= 50


def lockfiles(project):
    return list((project.folder / ".snakemake" / "locks").glob("*.lock"))


def begin_redrawing(project):
    """Start a run that has a figure to draw, and return it once it has locked the folder and its job runs."""
    module = project.folder / "papers/A/figures/capacity.py"
    module.write_text(module.read_text() + "\nEDITED = 1\n")
    run = start(project)
    deadline = time.monotonic() + 60
    while not (lockfiles(project) and jobs_of(run)):
        assert run.poll() is None, log_of(project)
        assert time.monotonic() < deadline, "no job began"
        time.sleep(0.05)
    return run


def test_the_lock_of_a_living_run_is_respected(project):
    run = begin_redrawing(project)
    try:
        second = project.snakemake()
        assert run.poll() is None, "the first run ended before the second was refused: nothing was tested"
        assert second.returncode == 1
        assert "Directory cannot be locked" in second.stderr
        assert lockfiles(project)
        assert run.wait(timeout=120) == 0, log_of(project)
    finally:
        run.kill()
        run.wait()


def test_the_lock_of_a_dead_run_is_removed_by_the_next(project):
    run = begin_redrawing(project)
    run.kill()
    run.wait()
    half = project.folder / "results/smoke/figures/.capacity.svg.1.tmp"
    half.write_text("<svg")
    assert lockfiles(project)
    again = project.snakemake()
    assert again.returncode == 0, again.stderr[-3000:]
    assert "removed the lock of a killed run" in again.stderr
    assert litter(project.folder / "results") == []


@pytest.fixture
def small_disk(project):
    """The folder of one ensemble on a file system of 16 KiB, its result gone."""
    folder = next(project.folder.glob("results/smoke/capacity/*4x4*"))
    (folder / "trained.h5").unlink()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a full disk was NOT tested: mounting a small one needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_more_space_is_all_it_takes(built, project, small_disk):
    reader = Reader(project.folder / "results", built.folder / "results")
    target = str((small_disk / "trained.h5").relative_to(project.folder))
    full = project.snakemake(target)
    assert full.returncode == 1
    assert "No space left on device" in full.stderr, full.stderr[-3000:]
    assert list(small_disk.iterdir()) == [], "something half-written stayed"
    reader.look()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    again = project.snakemake(target)
    assert again.returncode == 0, again.stderr[-3000:]
    reader.assert_complete()
