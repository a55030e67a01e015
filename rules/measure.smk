# What is computed from an ensemble's checkpoints: one rule a measure.


rule curvature:
    input:
        trained="results/{scale}/{experiment}/{ensemble}/trained.h5",
        data=planned(data_file),
        noise=planned(noise_files),
        source=reached_by("scripts/curvature.py"),
    output:
        "results/{scale}/{experiment}/{ensemble}/curvature.h5",
    log:
        "logs/{scale}/{experiment}/{ensemble}/curvature.log",
    benchmark:
        "benchmarks/{scale}/{experiment}/{ensemble}/curvature.tsv"
    conda:
        "../envs/closerlook.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=reserved(cost_of_curvature, "curvature", rates.reserved_megabytes),
        gpu_mem_mb=reserved(cost_of_curvature, "curvature", rates.reserved_gpu_megabytes),
        runtime=reserved(cost_of_curvature, "curvature", rates.reserved_minutes),
    params:
        spec=planned(spec),
        options=planned(lambda plan, wildcards: asdict(plan.measure(wildcards.experiment, "curvature"))),
    script:
        "../scripts/curvature.py"


rule critical_samples:
    input:
        trained="results/{scale}/{experiment}/{ensemble}/trained.h5",
        data=planned(data_file),
        noise=planned(noise_files),
        source=reached_by("scripts/critical_samples.py"),
    output:
        "results/{scale}/{experiment}/{ensemble}/critical_samples.h5",
    log:
        "logs/{scale}/{experiment}/{ensemble}/critical_samples.log",
    benchmark:
        "benchmarks/{scale}/{experiment}/{ensemble}/critical_samples.tsv"
    conda:
        "../envs/closerlook.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=reserved(cost_of_critical_samples, "critical_samples", rates.reserved_megabytes),
        gpu_mem_mb=reserved(cost_of_critical_samples, "critical_samples", rates.reserved_gpu_megabytes),
        runtime=reserved(cost_of_critical_samples, "critical_samples", rates.reserved_minutes),
    params:
        spec=planned(spec),
        options=planned(lambda plan, wildcards: asdict(plan.measure(wildcards.experiment, "critical_samples"))),
    script:
        "../scripts/critical_samples.py"


rule sensitivity:
    input:
        trained="results/{scale}/{experiment}/{ensemble}/trained.h5",
        data=planned(data_file),
        noise=planned(noise_files),
        source=reached_by("scripts/sensitivity.py"),
    output:
        "results/{scale}/{experiment}/{ensemble}/sensitivity.h5",
    log:
        "logs/{scale}/{experiment}/{ensemble}/sensitivity.log",
    benchmark:
        "benchmarks/{scale}/{experiment}/{ensemble}/sensitivity.tsv"
    conda:
        "../envs/closerlook.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=reserved(cost_of_sensitivity, "sensitivity", rates.reserved_megabytes),
        gpu_mem_mb=reserved(cost_of_sensitivity, "sensitivity", rates.reserved_gpu_megabytes),
        runtime=reserved(cost_of_sensitivity, "sensitivity", rates.reserved_minutes),
    params:
        spec=planned(spec),
        options=planned(lambda plan, wildcards: asdict(plan.measure(wildcards.experiment, "sensitivity"))),
    script:
        "../scripts/sensitivity.py"
