"""Tabulate and draw a figure."""

from pathlib import Path

from closerlook.figures.rendering import render
from closerlook.planning.records import recorded
from closerlook.runtime.joblog import job_log

with job_log(snakemake.log[0]), recorded(snakemake.output, snakemake.params.made):
    render(
        snakemake.wildcards.figure,
        trained=[Path(path) for path in snakemake.input.trained],
        measured=[Path(path) for path in snakemake.input.measured],
        targets=Path(snakemake.input.targets[0]) if snakemake.input.targets else None,
        table_path=Path(snakemake.output.table),
        prose_path=Path(snakemake.output.prose),
        svg_path=Path(snakemake.output.svg),
        pdf_path=Path(snakemake.output.pdf),
        show_targets=snakemake.params.show_targets,
    )
