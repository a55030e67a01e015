# From tables to verdicts, and from both to the PDF. Every number in the prose is read from these files.


# Seconds of work: on the machine that runs snakemake, not in a cluster's queue.
localrules:
    claims,
    provenance,
    paper,
    one_paper,


rule claims:
    input:
        claims=lambda wildcards: claims_files(wildcards.scale),
        tables=all_tables,
        source=reached_by("scripts/claims.py"),
    output:
        claims=report(
            "results/{scale}/claims.json",
            caption="../report/claims.rst",
            category="All papers",
            labels={"file": "claims", "scale": "{scale}"},
        ),
        tallies="results/{scale}/tallies.json",
    log:
        "logs/{scale}/claims.log",
    benchmark:
        "benchmarks/{scale}/claims.tsv"
    conda:
        "../envs/closerlook.yaml"
    script:
        "../scripts/claims.py"


rule provenance:
    input:
        trained=lambda wildcards: all_trained(wildcards.scale),
        data=lambda wildcards: sorted({f"data/{one.dataset}.h5" for one in plan(wildcards.scale).subsets.values()}),
        source=reached_by("scripts/provenance.py"),
    output:
        "results/{scale}/provenance.json",
    log:
        "logs/{scale}/provenance.log",
    benchmark:
        "benchmarks/{scale}/provenance.tsv"
    conda:
        "../envs/closerlook.yaml"
    params:
        config=lambda wildcards: plan(wildcards.scale).config.to_json(),
    script:
        "../scripts/provenance.py"


rule paper:
    input:
        sources=sources,
        claims="results/{scale}/claims.json",
        tallies="results/{scale}/tallies.json",
        provenance="results/{scale}/provenance.json",
        quoted=quoted,
        source=reached_by("scripts/paper.py"),
    output:
        report(
            "results/{scale}/paper.pdf",
            caption="../report/paper.rst",
            category="All papers",
            labels={"file": "paper", "scale": "{scale}"},
        ),
    log:
        "logs/{scale}/paper.log",
    benchmark:
        "benchmarks/{scale}/paper.tsv"
    conda:
        "../envs/closerlook.yaml"
    params:
        papers=lambda wildcards: [ours(paper.folder) for paper in papers_of(wildcards)],
        shared=ours("papers"),
    script:
        "../scripts/paper.py"


use rule paper as one_paper with:
    output:
        "results/{scale}/papers/{paper}.pdf",
    log:
        "logs/{scale}/papers/{paper}.log",
    benchmark:
        "benchmarks/{scale}/papers/{paper}.tsv"


localrules:
    manifest,  # on the machine that has the git repository


rule manifest:
    input:
        results=lambda wildcards: [f"results/{wildcards.scale}/{name}" for name in plan(wildcards.scale).results()],
        provenance="results/{scale}/provenance.json",
        source=reached_by("scripts/manifest.py"),
    output:
        "results/{scale}/manifest.json",
    log:
        "logs/{scale}/manifest.log",
    benchmark:
        "benchmarks/{scale}/manifest.tsv"
    conda:
        "../envs/closerlook.yaml"
    params:
        config=lambda wildcards: plan(wildcards.scale).config.to_json(),
    script:
        "../scripts/manifest.py"
