# What happens as a run starts and ends. Snakemake keeps one handler of each kind: they stand here, all of them.
import atexit
import sys

from closerlook.runtime.internals import errors_of, wait_for_jobs


onstart:
    wait_for_jobs(workflow)


onerror:
    # Once Snakemake has said its own: a reader looks at the end.
    for line in errors_of(workflow):
        atexit.register(print, line, file=sys.stderr)
