"""Where the workflow rests on Snakemake's insides, which no documentation promises: each use is named and guarded here.

`tests/runtime/test_internals.py` says which behaviour each rests on. Where Snakemake has it no longer, nothing happens.
"""

from __future__ import annotations

from typing import Any


def wait_for_jobs(workflow: Any) -> None:
    """Let the scheduler of a local run wake when a job ends, and only then; to be called before its first pass.

    With a limit on jobs a second (Snakemake's default) each pass starts a timer that starts the next one, while jobs
    wait for a free core: hours of a run, many times a second. A cluster's queue is what the limit is for.
    """
    scheduler = getattr(workflow, "scheduler", None)
    if getattr(workflow, "local_exec", False) and hasattr(scheduler, "job_rate_limiter"):
        scheduler.job_rate_limiter = None
