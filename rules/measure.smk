# What is computed from checkpoints: one rule a measure, whatever measures there are.


def asked_of(measure):
    """Return functions of (plan, wildcards) for a measure's rule; made here, for a loop's variable is bound late."""
    alone = MEASURES[measure].over == ENSEMBLE

    def ensembles(the_plan, wildcards):
        options(the_plan, wildcards)  # refuses what the experiment does not measure
        every = the_plan.ensembles[wildcards.experiment]
        return [the_plan.ensemble(wildcards.experiment, wildcards.ensemble)] if alone else list(every.values())

    def options(the_plan, wildcards):
        return the_plan.measure(wildcards.experiment, measure)

    return ensembles, options


def of_each(ensembles, look):
    """Make an input or params function of what `look` finds, as a list, for (plan, wildcards, ensemble)."""
    return planned(
        lambda the_plan, wildcards: [
            found for ensemble in ensembles(the_plan, wildcards) for found in look(wildcards, ensemble)
        ]
    )


def trained_of(wildcards, ensemble):
    return [f"results/{wildcards.scale}/{wildcards.experiment}/{ensemble.name}/trained.h5"]


def data_of(wildcards, ensemble):
    return [f"data/{ensemble.dataset}.h5"]


def noise_of(wildcards, ensemble):
    return [f"results/{wildcards.scale}/noise/{ensemble.subset}/{noise}.h5" for noise in ensemble.noises]


def cost_of(measure, ensembles, options):
    """Make a function of (plan, wildcards, kind of device) that returns what a measure's job costs."""

    def cost(the_plan, wildcards, kind):
        specs = ensembles(the_plan, wildcards)
        told = measuring_cost(measure, specs, options(the_plan, wildcards), kind)
        return told or together([training_cost(spec, kind) for spec in specs])  # of what is not told, as much again

    return cost


def made_of(measure, over):
    """Return what a measure's rule makes, and from what; one over an experiment has no ensemble."""
    return Made(
        lambda lineage, wildcards: lineage.measured(wildcards.experiment, measure, wildcards.get("ensemble", "")),
        f"results/{{scale}}/{{experiment}}/{over}{measure}.h5",
    )


for measure in MEASURES.usable():
    over = "" if MEASURES[measure].over == EXPERIMENT else "{ensemble}/"
    ensembles, options = asked_of(measure)
    cost = cost_of(measure, ensembles, options)
    MEASURED = made_of(measure, over)

    rule:
        name:
            measure
        input:
            renewed=MEASURED.renewed,
            trained=MEASURED.given(of_each(ensembles, trained_of)),
            data=MEASURED.given(of_each(ensembles, data_of)),
            noise=MEASURED.given(of_each(ensembles, noise_of)),
        output:
            f"results/{{scale}}/{{experiment}}/{over}{measure}.h5",
        log:
            f"logs/{{scale}}/{{experiment}}/{over}{measure}.log",
        benchmark:
            f"benchmarks/{{scale}}/{{experiment}}/{over}{measure}.tsv"
        priority: longest_first(cost, measure)
        conda:
            "../envs/closerlook.yaml"
        threads: 1
        resources:
            gpu=GPUS,
            mem_mb=reserved(cost, measure, rates.reserved_megabytes),
            gpu_mem_mb=reserved(cost, measure, rates.reserved_gpu_megabytes),
            runtime=reserved(cost, measure, rates.reserved_minutes),
        params:
            measure=measure,
            spec=of_each(ensembles, lambda wildcards, ensemble: [ensemble.to_json()]),
            options=planned(lambda the_plan, wildcards, options=options: plain(options(the_plan, wildcards))),
            made=MEASURED.digest,
        script:
            "../scripts/measure.py"
