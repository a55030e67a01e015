"""Where the workflow rests on Snakemake's insides, which no documentation promises: each use is named and guarded here.

`tests/runtime/test_internals.py` says which behaviour each rests on. Where Snakemake has it no longer, nothing happens.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any


def quote_interpreter() -> None:
    """Make the interpreter's path one word of a shell line; to be called before any job.

    Snakemake puts `sys.executable` as it is into the line that starts a job's script: with a space, a quote or an
    ampersand in the path of the environment every job died. Into the line of a cluster's job, which is a Snakemake
    again, it puts the folder as well, cut off at the last slash, and takes what lies between quotes as it is: so the
    folder is a word of its own.
    """
    if not os.path.exists(sys.executable):
        return  # quoted already, by another workflow that uses this one
    sys.executable = "/".join(map(shlex.quote, os.path.split(sys.executable)))


def wait_for_jobs(workflow: Any) -> None:
    """Let the scheduler of a local run wake when a job ends, and only then; to be called before its first pass.

    With a limit on jobs a second (Snakemake's default) each pass starts a timer that starts the next one, while jobs
    wait for a free core: hours of a run, many times a second. A cluster's queue is what the limit is for.
    """
    scheduler = getattr(workflow, "scheduler", None)
    if getattr(workflow, "local_exec", False) and hasattr(scheduler, "job_rate_limiter"):
        scheduler.job_rate_limiter = None


def too_large(workflow: Any, bytes_here: int, margin: float) -> str | None:
    """Return the line on the first job of a local run that cannot fit in this machine's memory, if there is one.

    Parameters
    ----------
    workflow
        Snakemake's, once its jobs are known.
    bytes_here : int
        The machine's memory.
    margin : float
        By which factor what a job asks for lies above its estimate.
    """
    if not getattr(workflow, "local_exec", False):
        return None
    for job in workflow.dag.needrun_jobs():
        needed = float(job.resources.get("mem_mb", 0) or 0) * 1e6 / margin
        if needed > bytes_here:
            what = " of ".join(map(str, reversed([*job.wildcards]))) or "it"
            return (
                f"{job.rule.name}: {what} takes about {needed / 1e9:,.0f} GB of memory, and this machine has "
                f"{bytes_here / 1e9:,.0f} GB; make the experiment smaller, or run it on a cluster (docs/clusters.md)"
            )
    return None


def outputs_of(workflow: Any, rules: Collection[str]) -> list[str]:
    """Return the results of some rules that a run was about, whether it made them or found them made; sorted."""
    jobs = getattr(getattr(workflow, "dag", None), "jobs", ())
    return sorted(str(path) for job in jobs if job.rule.name in rules for path in job.output)


def errors_of(workflow: Any) -> list[str]:
    """Return the lines in which the failed jobs of a run said why, each once; they are in the jobs' log files."""
    jobs = getattr(getattr(workflow, "scheduler", None), "failed", ())
    logs = sorted({str(path) for job in jobs for path in getattr(job, "log", ())})
    lines = [line for log in logs for line in _lines(Path(log)) if line.startswith("error: ")]
    return list(dict.fromkeys(lines))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
