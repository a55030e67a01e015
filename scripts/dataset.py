"""Fetch a data set, verify it, and write data/<dataset>.h5."""

from pathlib import Path

from closerlook.data.sources import fetch_dataset
from closerlook.joblog import job_log

with job_log(snakemake.log[0]) as log:
    folder = snakemake.params.folder
    fetch_dataset(
        snakemake.wildcards.dataset,
        Path(snakemake.output[0]),
        folder=Path(folder) if folder else None,
        timeout=snakemake.params.timeout,
        log=log,
    )
