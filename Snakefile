# The contents page: `snakemake --cores all` rebuilds the paper; docs/ says what lies where.
from snakemake.utils import min_version

min_version("9.19")


configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/survive.smk"
include: "rules/data.smk"
include: "rules/train.smk"
include: "rules/measure.smk"
include: "rules/figures.smk"
include: "rules/paper.smk"


rule all:
    default_target: True
    input:
        f"results/{config['scale']}/paper.pdf",
        f"results/{config['scale']}/manifest.json",


rule figures:
    input:
        expand(
            "results/{scale}/figures/{figure}.svg",
            scale=config["scale"],
            figure=config["figures"],
        ),


rule trained:
    input:
        all_trained(config["scale"]),
