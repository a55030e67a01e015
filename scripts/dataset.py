"""Fetch a data set, verify it, and write data/<dataset>.h5."""

from pathlib import Path

from closerlook.data.fetching.sources import fetch_dataset
from closerlook.runtime.joblog import job_log

with job_log(snakemake.log[0]) as log:
    fetch_dataset(
        snakemake.wildcards.dataset,
        Path(snakemake.output[0]),
        folder=snakemake.params.folder,
        timeout=snakemake.params.timeout,
        log=log,
    )
