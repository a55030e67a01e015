# One job trains one ensemble.


TRAINED = Made(
    lambda lineage, wildcards: lineage.trained(wildcards.experiment, wildcards.ensemble),
    "results/{scale}/{experiment}/{ensemble}/trained.h5",
)


rule train:
    input:
        renewed=TRAINED.renewed,
        data=TRAINED.given(planned(data_file)),
        noise=TRAINED.given(planned(noise_files)),
    output:
        "results/{scale}/{experiment}/{ensemble}/trained.h5",
    log:
        "logs/{scale}/{experiment}/{ensemble}/train.log",
    benchmark:
        "benchmarks/{scale}/{experiment}/{ensemble}/train.tsv"
    priority: longest_first(cost_of_training, "train")
    conda:
        "../envs/closerlook.yaml"
    threads: 1
    resources:
        resume_every=300,  # seconds between saves of a job's state; a resource, for it changes no result
        gpu=GPUS,
        mem_mb=reserved(cost_of_training, "train", rates.reserved_megabytes),
        gpu_mem_mb=reserved(cost_of_training, "train", rates.reserved_gpu_megabytes),
        runtime=reserved(cost_of_training, "train", rates.reserved_minutes),
    params:
        spec=planned(spec),
        made=TRAINED.digest,
    script:
        "../scripts/train.py"
