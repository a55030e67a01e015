# From a source to verified arrays, and from these to corrupted training sets.


rule dataset:
    output:
        "data/{dataset}.h5",
    log:
        "logs/dataset/{dataset}.log",
    benchmark:
        "benchmarks/dataset/{dataset}.tsv"
    retries: 1
    localrule: True  # seconds of work: not in a cluster's queue
    conda:
        "../envs/closerlook.yaml"
    params:
        made=dataset_identity,
        # Where verified data come from, and how patiently, is no reason to fetch them again: as functions of the threads
        # these are no part of what Snakemake compares.
        folder=lambda wildcards, threads: CONFIG.data_folder(),
        timeout=lambda wildcards, threads: CONFIG.data.timeout,
    script:
        "../scripts/dataset.py"


NOISE = Made(
    lambda lineage, wildcards: lineage.noise(wildcards.subset, wildcards.noise),
    "results/{scale}/noise/{subset}/{noise}.h5",
)


rule noise:
    input:
        renewed=NOISE.renewed,
        data=NOISE.given(planned(lambda plan, wildcards: f"data/{plan.subset(wildcards.subset).dataset}.h5")),
    output:
        "results/{scale}/noise/{subset}/{noise}.h5",
    log:
        "logs/{scale}/noise/{subset}/{noise}.log",
    benchmark:
        "benchmarks/{scale}/noise/{subset}/{noise}.tsv"
    group:
        "noise"  # a cluster gets many of these short jobs as one
    conda:
        "../envs/closerlook.yaml"
    resources:
        mem_mb=reserved(cost_of_noise, "noise", rates.reserved_megabytes),
        runtime=reserved(cost_of_noise, "noise", rates.reserved_minutes_in_a_group),
    params:
        image_size=planned(lambda plan, wildcards: plan.subset(wildcards.subset).image_size),
        examples=planned(lambda plan, wildcards: plan.subset(wildcards.subset).examples),
        seeds=planned(lambda plan, wildcards: whole_tens(plan.config.data.seeds)),
        made=NOISE.digest,
        kind=planned(lambda plan, wildcards: plan.noise(wildcards.noise)),
    script:
        "../scripts/noise.py"
