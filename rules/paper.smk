# From tables to verdicts, and from both to the PDF. Every number in the prose is read from these files.


rule claims:
    output:
        report(
            "results/{scale}/claims.json",
            caption="../report/claims.rst",
            category="Claims",
            subcategory="{scale}",
        ),
    input:
        claims="claims.yaml",
        tables=expand("results/{{scale}}/tables/{figure}.csv", figure=config["figures"]),
        source=reached_by("scripts/claims.py"),
    log:
        "logs/{scale}/claims.log",
    benchmark:
        "benchmarks/{scale}/claims.tsv"
    script:
        "../scripts/claims.py"


rule provenance:
    output:
        "results/{scale}/provenance.json",
    input:
        trained=lambda wildcards: all_trained(wildcards.scale),
        data=lambda wildcards: sorted({f"data/{one.dataset}.h5" for one in plan(wildcards.scale).subsets.values()}),
        source=reached_by("scripts/provenance.py"),
    log:
        "logs/{scale}/provenance.log",
    benchmark:
        "benchmarks/{scale}/provenance.tsv"
    params:
        config=lambda wildcards: plan(wildcards.scale).config.model_dump_json(),
    script:
        "../scripts/provenance.py"


rule paper:
    output:
        report(
            "results/{scale}/paper.pdf",
            caption="../report/paper.rst",
            category="Paper",
            subcategory="{scale}",
        ),
    input:
        main="paper/main.typ",
        parts=[*Path("paper/sections").glob("*.typ"), "paper/references.bib"],
        claims="results/{scale}/claims.json",
        provenance="results/{scale}/provenance.json",
        tables=expand("results/{{scale}}/tables/{figure}.csv", figure=config["figures"]),
        figures=expand("results/{{scale}}/figures/{figure}.svg", figure=config["figures"]),
        source=reached_by("scripts/paper.py"),
    log:
        "logs/{scale}/paper.log",
    benchmark:
        "benchmarks/{scale}/paper.tsv"
    script:
        "../scripts/paper.py"
