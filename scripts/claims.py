"""Judge the claims."""

from pathlib import Path

from closerlook.claims.judging import judge
from closerlook.claims.tallies import write_tallies
from closerlook.planning.records import recorded
from closerlook.runtime.joblog import job_log

with job_log(snakemake.log[0]), recorded(snakemake.output, snakemake.params.made, snakemake.input):
    judge(
        [Path(path) for path in snakemake.input.claims],
        tables={Path(path).stem: Path(path) for path in snakemake.input.tables},
        output=Path(snakemake.output.claims),
        scale=snakemake.wildcards.scale,
    )
    write_tallies(snakemake.output.claims, snakemake.output.tallies)
