"""Draw the corrupted training sets of one kind of noise."""

from pathlib import Path

from closerlook.data.corruption import write_noise
from closerlook.planning.records import recorded
from closerlook.runtime.joblog import job_log

with job_log(snakemake.log[0]), recorded(snakemake.output, snakemake.params.made, snakemake.input):
    write_noise(
        Path(snakemake.input.data),
        Path(snakemake.output[0]),
        noise=snakemake.params.kind,
        image_size=snakemake.params.image_size,
        examples=snakemake.params.examples,
        seeds=snakemake.params.seeds,
    )
