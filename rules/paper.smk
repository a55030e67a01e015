# From tables to verdicts, and from both to the PDF. Every number in the prose is read from these files.
# `update`: where a job fails, what was made before is still there.


CLAIMS = Made(
    lambda lineage, wildcards: lineage.claims(),
    "results/{scale}/claims.json",
    "results/{scale}/tallies.json",
)


rule claims:
    input:
        renewed=CLAIMS.renewed,
        claims=CLAIMS.given(lambda wildcards: claims_files(wildcards.scale)),
        tables=CLAIMS.given(all_tables),
    output:
        claims=report(
            update("results/{scale}/claims.json"),
            caption="../report/claims.rst",
            category="All papers",
            labels={"file": "claims", "scale": "{scale}"},
        ),
        tallies=update("results/{scale}/tallies.json"),
    log:
        "logs/{scale}/claims.log",
    benchmark:
        "benchmarks/{scale}/claims.tsv"
    localrule: True  # seconds of work: not in a cluster's queue
    conda:
        "../envs/closerlook.yaml"
    params:
        made=CLAIMS.digest,
    script:
        "../scripts/claims.py"


PROVENANCE = Made(lambda lineage, wildcards: lineage.provenance(), "results/{scale}/provenance.json")


rule provenance:
    input:
        renewed=PROVENANCE.renewed,
        trained=PROVENANCE.given(lambda wildcards: all_trained(wildcards.scale)),
        data=PROVENANCE.given(all_data),
    output:
        update("results/{scale}/provenance.json"),
    log:
        "logs/{scale}/provenance.log",
    benchmark:
        "benchmarks/{scale}/provenance.tsv"
    localrule: True  # seconds of work: not in a cluster's queue
    conda:
        "../envs/closerlook.yaml"
    params:
        config=lambda wildcards: plan(wildcards.scale).config.to_json(),
        made=PROVENANCE.digest,
    script:
        "../scripts/provenance.py"


PAPER = Made(
    lambda lineage, wildcards: lineage.text({paper.name for paper in papers_of(wildcards)}, sources(wildcards)),
    lambda wildcards: (
        "results/{scale}/papers/{paper}.pdf" if hasattr(wildcards, "paper") else "results/{scale}/paper.pdf"
    ),
)


rule paper:
    input:
        renewed=PAPER.renewed,
        sources=PAPER.given(sources),
        claims=PAPER.given(lambda wildcards: f"results/{wildcards.scale}/claims.json"),
        tallies=PAPER.given(lambda wildcards: f"results/{wildcards.scale}/tallies.json"),
        provenance=PAPER.given(lambda wildcards: f"results/{wildcards.scale}/provenance.json"),
        quoted=PAPER.given(quoted),
    output:
        report(
            update("results/{scale}/paper.pdf"),
            caption="../report/paper.rst",
            category="All papers",
            labels={"file": "paper", "scale": "{scale}"},
        ),
    log:
        "logs/{scale}/paper.log",
    benchmark:
        "benchmarks/{scale}/paper.tsv"
    localrule: True  # seconds of work: not in a cluster's queue
    conda:
        "../envs/closerlook.yaml"
    params:
        # Where the sources lie is no reason to typeset them again: as functions of the threads these are no part of what
        # Snakemake compares.
        papers=lambda wildcards, threads: [ours(paper.folder) for paper in papers_of(wildcards)],
        shared=lambda wildcards, threads: ours("papers"),
        made=PAPER.digest,
    script:
        "../scripts/paper.py"


use rule paper as one_paper with:
    output:
        update("results/{scale}/papers/{paper}.pdf"),
    log:
        "logs/{scale}/papers/{paper}.log",
    benchmark:
        "benchmarks/{scale}/papers/{paper}.tsv"
    localrule: True  # not taken over from the other


MANIFEST = Made(
    lambda lineage, wildcards: lineage.manifest(sources(wildcards)),
    "results/{scale}/manifest.json",
)


rule manifest:
    input:
        renewed=MANIFEST.renewed,
        results=MANIFEST.given(lambda wildcards: all_results(wildcards.scale)),
        provenance=MANIFEST.given(lambda wildcards: f"results/{wildcards.scale}/provenance.json"),
    output:
        update("results/{scale}/manifest.json"),
    log:
        "logs/{scale}/manifest.log",
    benchmark:
        "benchmarks/{scale}/manifest.tsv"
    localrule: True  # on the machine that has the git repository
    conda:
        "../envs/closerlook.yaml"
    params:
        config=lambda wildcards: plan(wildcards.scale).config.to_json(),
        made=MANIFEST.digest,
    script:
        "../scripts/manifest.py"
