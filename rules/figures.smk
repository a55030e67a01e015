# A figure: a tidy table, and the drawing made from it.


rule figure:
    output:
        table="results/{scale}/tables/{figure}.csv",
        svg=report(
            "results/{scale}/figures/{figure}.svg",
            caption="../report/figure.rst",
            category="Figures",
            subcategory="{scale}",
            labels={"figure": "{figure}"},
        ),
        pdf="results/{scale}/figures/{figure}.pdf",
    input:
        trained=planned(lambda plan, wildcards: trained(wildcards.scale, plan.figure_folders(wildcards.figure))),
        curvature=planned(
            lambda plan, wildcards: measured(
                wildcards.scale, plan.figure_folders(wildcards.figure, "curvature"), "curvature"
            )
        ),
        source=planned(
            lambda plan, wildcards: (
                reached_by("scripts/figure.py", f"closerlook.figures.{wildcards.figure}")
                if plan.figure_folders(wildcards.figure)
                else []
            )
        ),
    log:
        "logs/{scale}/figures/{figure}.log",
    benchmark:
        "benchmarks/{scale}/figures/{figure}.tsv"
    script:
        "../scripts/figure.py"
