"""Tabulate and draw a figure."""

from pathlib import Path

from closerlook.figures.rendering import render
from closerlook.planning.records import recorded
from closerlook.runtime.joblog import job_log
from closerlook.store import require_trained_as_planned

with job_log(snakemake.log[0]), recorded(snakemake.output, snakemake.params.made, snakemake.input):
    require_trained_as_planned(snakemake.input.trained, snakemake.params.specs)
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
