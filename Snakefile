# The contents page: `snakemake --cores all` rebuilds the paper; docs/ says what lies where.
from snakemake.utils import min_version

min_version("9.19")


include: "rules/config.smk"


# For Snakemake's own books (archives, reports): what the rules use is CONFIG, read by the line above.
configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/lineage.smk"
include: "rules/changed.smk"
include: "rules/survive.smk"
include: "rules/hooks.smk"
include: "rules/data.smk"
include: "rules/train.smk"
include: "rules/measure.smk"
include: "rules/figures.smk"
include: "rules/paper.smk"


rule all:
    default_target: True
    input:
        all_results(CONFIG.scale),  # whatever of them is deleted is made again
        f"results/{CONFIG.scale}/manifest.json",


rule figures:
    input:
        expand(
            "results/{scale}/figures/{figure}.svg",
            scale=CONFIG.scale,
            figure=CONFIG.figures,
        ),


rule trained:
    input:
        all_trained(CONFIG.scale),
