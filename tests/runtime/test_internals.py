"""Which behaviour of Snakemake's insides the workflow rests on: a tiny run of the real program for each."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

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


ASKED = """
from closerlook.runtime.internals import outputs_of
rule paper:
    input: "figure"
    output: "paper.pdf"
    shell: "touch {output}"
rule figure:
    output: "figure"
    shell: "touch {output}"
onsuccess:
    print("asked for:", outputs_of(workflow, {"paper"}))
"""


def test_what_a_run_was_about_is_known_whether_made_or_there(tmp_path):
    assert "asked for: []" in run(tmp_path, ASKED, "figure").stdout
    assert "asked for: ['paper.pdf']" in run(tmp_path, ASKED, "paper.pdf").stdout
    assert "asked for: []" in run(tmp_path, ASKED, "--force", "figure").stdout
    assert "asked for: ['paper.pdf']" in run(tmp_path, ASKED, "--force", "paper.pdf").stdout


DATED = """
import sys
sys.path.insert(0, {root!r})
from closerlook.planning.records import recorded
from closerlook.runtime.internals import quote_interpreter

quote_interpreter()

rule one:
    input: "source.txt"
    output: "a.txt"
    run:
        with recorded(output, "x", input if {dated} else []):
            open(output[0], "w").write("hours of work")
"""


@pytest.mark.parametrize("dated", [True, False])
def test_a_source_of_the_future_costs_no_result(tmp_path, dated):
    source = tmp_path / "source.txt"
    source.write_text("x")
    os.utime(source, (time.time() + 86400,) * 2)
    result = run(tmp_path, DATED.format(root=str(ROOT), dated=dated))
    assert (result.returncode == 0) == dated, result.stderr
    assert (tmp_path / "a.txt").exists() == dated, "Snakemake deletes what is older than its input"


LARGE = """
import sys
sys.path.insert(0, {root!r})
from closerlook.runtime.internals import too_large

rule train:
    output: "{{experiment}}/{{ensemble}}.h5"
    resources: mem_mb=24_000_000
    shell: "touch {{output}}"

onstart:
    if line := too_large(workflow, {here}, 1.5):
        raise SystemExit("error: " + line)
"""


@pytest.mark.parametrize("here", [24 * 10**9, 10**14])
def test_a_job_that_cannot_fit_is_refused_before_anything_starts(tmp_path, here):
    result = run(tmp_path, LARGE.format(root=str(ROOT), here=here), "capacity/mnist-1000.h5")
    if here == 10**14:
        assert (tmp_path / "capacity/mnist-1000.h5").exists(), result.stderr
        return
    line = "error: train: mnist-1000 of capacity takes about 16,000 GB of memory, and this machine has 24 GB; make"
    assert line in result.stderr
    assert not (tmp_path / "capacity").exists()
    assert "Traceback" not in result.stderr


SCRIPTED = """
import sys
sys.path.insert(0, {root!r})
from closerlook.runtime.internals import quote_interpreter

if {quoted}:
    quote_interpreter()

rule one:
    input: "b.txt"
    output: "a.txt"
    script: "job.py"

rule spawned:  # as a cluster's job is: by a Snakemake of its own
    output: "b.txt"
    run:
        open(output[0], "w").write("done")
"""


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("my 'own' [env] & $(touch pwned); \"x\"", True),
        ("my 'own' [env] & $(touch pwned); \"x\"", False),
        ("my env", True),
        ("it's `touch pwned`", True),
        ("its `touch pwned` $HOME", True),
    ],
)
def test_an_environment_whose_path_has_any_sign_runs_a_script_and_spawns_a_job(tmp_path, name, quoted):
    environment = tmp_path / name / "bin"
    environment.mkdir(parents=True)
    (environment / "python").symlink_to(sys.executable)
    (environment.parent / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
    (tmp_path / "job.py").write_text("open(snakemake.output[0], 'w').write('done')\n")
    (tmp_path / "Snakefile").write_text(SCRIPTED.format(root=str(ROOT), quoted=quoted))
    packages = os.pathsep.join([str(ROOT), *(path for path in sys.path if "site-packages" in path)])
    result = subprocess.run(
        [environment / "python", "-m", "snakemake", "--cores", "1"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": packages},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (result.returncode == 0) == quoted, result.stderr
    assert (tmp_path / "a.txt").exists() == quoted, "Snakemake quotes it by itself: remove `quote_interpreter`"
    if quoted:
        assert not list(tmp_path.rglob("pwned"))
