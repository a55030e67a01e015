"""Train an ensemble."""

from pathlib import Path

from closerlook.planning.records import recorded
from closerlook.runtime.joblog import job_log
from closerlook.spec import Ensemble
from closerlook.training.job import run_training

with job_log(snakemake.log[0]) as log, recorded(snakemake.output, snakemake.params.made, snakemake.input):
    spec = Ensemble.from_json(snakemake.params.spec)
    run_training(
        spec,
        data=Path(snakemake.input.data),
        noise=dict(zip(spec.noises, map(Path, snakemake.input.noise), strict=True)),
        output=Path(snakemake.output[0]),
        gpus=snakemake.resources.gpu,
        resume_every=snakemake.resources.resume_every,
        log=log,
    )
