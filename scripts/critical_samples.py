"""Search critical samples around examples at an ensemble's checkpoints."""

from pathlib import Path

from closerlook.measures.critical_samples.run import measure_critical_samples
from closerlook.runtime.device import prepare_device
from closerlook.runtime.joblog import job_log
from closerlook.spec import Ensemble

with job_log(snakemake.log[0]) as log:
    spec = Ensemble.from_json(snakemake.params.spec)
    measure_critical_samples(
        Path(snakemake.input.trained),
        data=Path(snakemake.input.data),
        noise=dict(zip(spec.noises, map(Path, snakemake.input.noise), strict=True)),
        output=Path(snakemake.output[0]),
        checkpoints=spec.checkpoints.names(),
        device=prepare_device(snakemake.resources.gpu).type,
        log=log,
        **snakemake.params.options,
    )
