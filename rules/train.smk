# One job trains one ensemble.


rule train:
    input:
        data=planned(data_file),
        noise=planned(noise_files),
        source=reached_by("scripts/train.py"),
    output:
        "results/{scale}/{experiment}/{ensemble}/trained.h5",
    log:
        "logs/{scale}/{experiment}/{ensemble}/train.log",
    benchmark:
        "benchmarks/{scale}/{experiment}/{ensemble}/train.tsv"
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
    script:
        "../scripts/train.py"
