"""Measure an ensemble, or all of an experiment."""

from pathlib import Path

from closerlook.measures.job import Source, measure
from closerlook.planning.records import recorded
from closerlook.runtime.device import prepare_device
from closerlook.runtime.joblog import job_log
from closerlook.spec import Ensemble
from closerlook.training.replay import Replays

with job_log(snakemake.log[0]) as log, recorded(snakemake.output, snakemake.params.made, snakemake.input):
    noise, sources = iter(snakemake.input.noise), []
    for trained, data, text in zip(snakemake.input.trained, snakemake.input.data, snakemake.params.spec, strict=True):
        spec = Ensemble.from_json(text)
        kinds = {kind: Path(next(noise)) for kind in spec.noises}
        sources.append(Source(trained=Path(trained), data=Path(data), noise=kinds, spec=spec))
    measure(
        snakemake.params.measure,
        sources,
        Path(snakemake.output[0]),
        snakemake.params.options,
        device=prepare_device(snakemake.resources.gpu).type,
        log=log,
        replays=Replays,
    )
