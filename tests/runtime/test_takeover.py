"""Which traces of a killed run are removed, and when they are left alone."""

import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from closerlook.runtime.takeover import end_with, take_over

HOLD = """
import pathlib, sys
from closerlook.runtime.takeover import take_over
take_over(pathlib.Path(sys.argv[1]))
print(flush=True)
sys.stdin.read()
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    """A working directory as a killed run leaves it."""
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    (tmp_path / ".snakemake" / "locks" / "0.output.lock").write_text("results/a.h5\n")
    (tmp_path / "results" / "smoke").mkdir(parents=True)
    (tmp_path / "results" / "smoke" / ".a.h5.17.tmp").write_bytes(b"half")
    (tmp_path / "results" / "smoke" / "b.h5").write_bytes(b"whole")
    return tmp_path


def hold(folder):
    """Start a process that lives as a run in the folder."""
    run = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert run.stdout.readline()
    return run


def end(run):
    run.kill()
    run.communicate()


def test_the_traces_of_a_killed_run_are_removed_and_its_results_kept(folder):
    end(hold(folder))
    (folder / ".snakemake" / "locks").mkdir(exist_ok=True)
    (folder / ".snakemake" / "locks" / "0.output.lock").touch()
    (folder / "results" / "smoke" / ".c.h5.18.tmp").touch()
    assert take_over(folder) == ["the lock of a killed run", "half-written .c.h5.18.tmp"]
    assert not (folder / ".snakemake" / "locks").exists()
    assert (folder / "results" / "smoke" / "b.h5").read_bytes() == b"whole"


def test_nothing_is_touched_while_another_run_lives(folder):
    run = hold(folder)
    try:
        (folder / ".snakemake" / "locks").mkdir()
        (folder / ".snakemake" / "locks" / "0.output.lock").touch()
        half = folder / "results" / "smoke" / ".c.h5.18.tmp"
        half.touch()
        assert take_over(folder) == []
        assert half.exists()
        assert (folder / ".snakemake" / "locks" / "0.output.lock").exists()
    finally:
        end(run)


def test_a_lock_of_another_machine_is_left_to_the_user(folder):
    (folder / ".snakemake" / "running").write_text("another\n")
    assert take_over(folder) == []
    assert (folder / ".snakemake" / "locks" / "0.output.lock").exists()


def test_once_unlocked_this_machine_takes_over(folder):
    (folder / ".snakemake" / "running").write_text("another\n")
    (folder / ".snakemake" / "locks" / "0.output.lock").unlink()
    take_over(folder)
    assert (folder / ".snakemake" / "running").read_text() == platform.node() + "\n"


@pytest.mark.skipif(not end_with(1), reason="no setpriv here")
def test_a_job_ends_with_the_process_that_started_it():
    starter = (
        "import os, subprocess; from closerlook.runtime.takeover import end_with;"
        "job = subprocess.Popen(end_with(os.getpid()) + 'sleep 60', shell=True, executable='/bin/bash');"
        "print(job.pid, flush=True); job.wait()"
    )
    run = subprocess.Popen([sys.executable, "-c", starter], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    job = int(run.stdout.readline())
    deadline = time.monotonic() + 10
    while name(job) != "sleep":
        assert time.monotonic() < deadline, "the job did not begin"
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    while name(job) == "sleep":
        assert time.monotonic() < deadline, "the job outlived its starter"
        time.sleep(0.02)


@pytest.mark.skipif(not end_with(1), reason="no setpriv here")
def test_a_job_whose_starter_is_gone_already_does_not_begin():
    done = subprocess.run(
        end_with(1) + "echo begun", shell=True, executable="/bin/bash", capture_output=True, check=False
    )
    assert done.returncode != 0
    assert done.stdout == b""


def name(process):
    """Return the program that a process runs; None if it is gone or a zombie."""
    try:
        with open(f"/proc/{process}/stat") as file:
            text = file.read()
    except FileNotFoundError:
        return None
    state = text.rpartition(")")[2].split()[0]
    return None if state == "Z" else text[text.index("(") + 1 : text.rindex(")")]
