# What happens as a run starts and ends. Snakemake keeps one handler of each kind: they stand here, all of them.
from closerlook.runtime.internals import wait_for_jobs


onstart:
    wait_for_jobs(workflow)
