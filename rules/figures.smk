# A figure: a tidy table, and the drawing made from it.


FIGURE = Made(
    lambda lineage, wildcards: lineage.figure(wildcards.figure),
    "results/{scale}/tables/{figure}.csv",
    "results/{scale}/tables/{figure}.json",
    "results/{scale}/figures/{figure}.svg",
    "results/{scale}/figures/{figure}.pdf",
)


rule figure:
    input:
        renewed=FIGURE.renewed,
        trained=FIGURE.given(
            planned(lambda plan, wildcards: trained(wildcards.scale, plan.figure_folders(wildcards.figure)))
        ),
        measured=FIGURE.given(
            planned(
                lambda plan, wildcards: [
                    path
                    for measure in plan.figure_measures(wildcards.figure)
                    for path in measured(wildcards.scale, plan.figure_folders(wildcards.figure, measure), measure)
                ]
            )
        ),
        targets=FIGURE.given(planned(lambda plan, wildcards: list(map(ours, plan.original_values(wildcards.figure))))),
    output:
        # `update`: where a job fails, what was drawn before is still there.
        table=report(
            update("results/{scale}/tables/{figure}.csv"),
            caption="../report/table.rst",
            category=paper_of,
            subcategory="Tables",
            labels={"table": "{figure}", "scale": "{scale}"},
        ),
        prose=update("results/{scale}/tables/{figure}.json"),
        svg=report(
            update("results/{scale}/figures/{figure}.svg"),
            caption="../report/figure.rst",
            category=paper_of,
            subcategory="Figures",
            labels={"figure": "{figure}", "scale": "{scale}"},
        ),
        pdf=update("results/{scale}/figures/{figure}.pdf"),
    log:
        "logs/{scale}/figures/{figure}.log",
    benchmark:
        "benchmarks/{scale}/figures/{figure}.tsv"
    localrule: True  # seconds of work: not in a cluster's queue
    conda:
        "../envs/closerlook.yaml"
    params:
        # The original's values are drawn where our runs have the original's size; the text quotes them everywhere.
        show_targets=lambda wildcards: wildcards.scale == "paper",
        specs=planned(lambda plan, wildcards: [one.to_json() for one in plan.figure_ensembles(wildcards.figure)]),
        made=FIGURE.digest,
    script:
        "../scripts/figure.py"
