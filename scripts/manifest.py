"""List every result with its SHA-256."""

from pathlib import Path

from closerlook.planning.records import recorded
from closerlook.publish.manifest import write_manifest
from closerlook.runtime.joblog import job_log

with job_log(snakemake.log[0]), recorded(snakemake.output, snakemake.params.made, snakemake.input):
    write_manifest(
        [Path(path) for path in snakemake.input.results],
        scale=snakemake.wildcards.scale,
        config=snakemake.params.config,
        provenance=Path(snakemake.input.provenance),
        output=Path(snakemake.output[0]),
    )
