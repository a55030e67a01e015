# What the rules share: the plan of each scale, and which files belong together. No rule here.
from functools import cache

from snakemake.exceptions import WorkflowError

from closerlook.config import SCALES, ConfigError, read_config
from closerlook.hardware import count_gpus
from closerlook.imports import reached_by
from closerlook.plan import Plan, PlanError

GPUS = min(1, count_gpus())  # a job takes one; the profile lets one job at a time have it


wildcard_constraints:
    scale="|".join(SCALES),
    dataset="[^/]+",
    subset="[^/]+",
    noise="[^/]+",
    experiment="[^/]+",
    ensemble="[^/]+",
    figure="[^/.]+",


@cache
def plan(scale):
    """Return what is to be done at a scale, or stop with the one line that says what is wrong in the config."""
    try:
        return Plan(read_config(config, scale))
    except ConfigError as error:
        raise WorkflowError(f"config: {error}") from None


def planned(look):
    """Turn a function of (plan, wildcards) into an input or params function whose failure is one line."""

    def looked(wildcards):
        try:
            return look(plan(wildcards.scale), wildcards)
        except PlanError as error:
            raise WorkflowError(str(error)) from None

    return looked


def trained(scale, folders):
    return [f"results/{scale}/{experiment}/{ensemble}/trained.h5" for experiment, ensemble in folders]


def measured(scale, folders, measure):
    return [f"results/{scale}/{experiment}/{ensemble}/{measure}.h5" for experiment, ensemble in folders]


def all_trained(scale):
    return trained(scale, [(name, one) for name, ensembles in plan(scale).ensembles.items() for one in ensembles])


def noise_files(the_plan, wildcards):
    """Return the corrupted training sets of an ensemble, in the order of its noise kinds."""
    ensemble = the_plan.ensemble(wildcards.experiment, wildcards.ensemble)
    return [f"results/{wildcards.scale}/noise/{ensemble.subset}/{noise}.h5" for noise in ensemble.noises]


def data_file(the_plan, wildcards):
    return f"data/{the_plan.ensemble(wildcards.experiment, wildcards.ensemble).dataset}.h5"


def spec(the_plan, wildcards):
    return the_plan.ensemble(wildcards.experiment, wildcards.ensemble).to_json()


# A mistake in any scale's options is told now, before any work; the default scale's plan is needed anyway.
for scale in dict.fromkeys([config.get("scale"), *SCALES]):
    plan(scale)
