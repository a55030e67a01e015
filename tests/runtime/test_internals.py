"""Which behaviour of Snakemake's insides the workflow rests on: a tiny run of the real program for each."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from closerlook.runtime.internals import wait_for_jobs

ROOT = Path(__file__).parents[2]

LIMITED = """
from closerlook.runtime.internals import wait_for_jobs
rule all:
    input: "a", "b"
rule one:
    output: "{name,[ab]}"
    shell: "touch {output}"
onstart:
    print("before:", type(workflow.scheduler.job_rate_limiter).__name__)
    wait_for_jobs(workflow)
onsuccess:
    print("after:", type(workflow.scheduler.job_rate_limiter).__name__)
"""


def run(folder, text, *arguments):
    """Run Snakemake on a Snakefile of its own."""
    (folder / "Snakefile").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_a_local_run_has_a_limiter_by_default_and_ends_well_without_it(tmp_path):
    result = run(tmp_path, LIMITED)
    assert result.returncode == 0, result.stderr
    assert "before: JobRateLimiter" in result.stdout, "nothing left to switch off: remove `wait_for_jobs`"
    assert "after: NoneType" in result.stdout
    assert (tmp_path / "b").exists()


def test_the_limit_stays_where_jobs_go_to_a_cluster():
    scheduler = SimpleNamespace(job_rate_limiter="a limit")
    wait_for_jobs(SimpleNamespace(local_exec=False, scheduler=scheduler))
    assert scheduler.job_rate_limiter == "a limit"


def test_nothing_happens_where_snakemake_is_made_otherwise():
    scheduler = SimpleNamespace()
    wait_for_jobs(SimpleNamespace(local_exec=True, scheduler=scheduler))
    assert vars(scheduler) == {}


FAILING = """
from closerlook.runtime.internals import errors_of
rule all:
    input: "a", "b", "c"
rule one:
    output: "{name,[ab]}"
    log: "{name}.log"
    shell: "echo 'error: disk is full' > {log}; echo more >> {log}; exit 1"
rule old:
    output: "c"
    log: "c.log"
    shell: "echo 'error: of no failed job' > {log}; touch {output}"
onerror:
    print("said:", errors_of(workflow))
"""


def test_the_failed_jobs_of_a_run_are_known_and_what_they_said_is_told_once(tmp_path):
    result = run(tmp_path, FAILING, "--keep-going")
    assert result.returncode == 1
    assert "said: ['error: disk is full']" in result.stdout
