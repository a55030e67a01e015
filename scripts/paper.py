"""Typeset the papers, or one of them."""

from pathlib import Path

from closerlook.config.papers import read_paper
from closerlook.planning.records import recorded
from closerlook.publish.typesetting import typeset
from closerlook.runtime.joblog import job_log

with job_log(snakemake.log[0]), recorded(snakemake.output, snakemake.params.made, snakemake.input):
    typeset(
        [read_paper(Path(folder)) for folder in snakemake.params.papers],
        results=Path(snakemake.input.claims).parent,
        output=Path(snakemake.output[0]),
        shared=Path(snakemake.params.shared),
    )
