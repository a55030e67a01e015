"""Write down what the results were made from."""

from pathlib import Path

from closerlook.planning.records import recorded
from closerlook.publish.provenance import write_provenance
from closerlook.runtime.joblog import job_log

with job_log(snakemake.log[0]), recorded(snakemake.output, snakemake.params.made, snakemake.input):
    write_provenance(
        snakemake.params.config,
        trained=[Path(path) for path in snakemake.input.trained],
        data=[Path(path) for path in snakemake.input.data],
        output=Path(snakemake.output[0]),
    )
