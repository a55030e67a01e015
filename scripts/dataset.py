"""Fetch a data set, verify it, and write data/<dataset>.h5."""

from pathlib import Path

from closerlook.data.fetching.sources import fetch_dataset
from closerlook.runtime.joblog import job_log

with job_log(snakemake.log[0]) as log:
    # Not params: where verified data come from, and how patiently, is no reason to fetch them again.
    options = snakemake.config["data"]
    folder = options.get("folder")
    fetch_dataset(
        snakemake.wildcards.dataset,
        Path(snakemake.output[0]),
        folder=Path(folder) if folder else None,
        timeout=options.get("timeout", 5.0),
        log=log,
    )
