"""Typeset the paper."""

from pathlib import Path

from closerlook.publish.typesetting import typeset
from closerlook.runtime.joblog import job_log

with job_log(snakemake.log[0]):
    typeset(Path(snakemake.input.main), results=Path(snakemake.output[0]).parent, output=Path(snakemake.output[0]))
