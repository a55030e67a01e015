"""Typeset the paper."""

from pathlib import Path

from closerlook.joblog import job_log
from closerlook.typesetting import typeset

with job_log(snakemake.log[0]):
    typeset(Path(snakemake.input.main), results=Path(snakemake.output[0]).parent, output=Path(snakemake.output[0]))
