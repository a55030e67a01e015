# What a result of another lineage asks for (rules/lineage.smk), so that a plan gives the reason: always due, and at once done.
rule changed:
    input:
        NOW,
    output:
        temp(touch(CHANGED)),
    log:
        "logs/changed.log",
    localrule: True
