# What happens as a run starts and ends. Snakemake keeps one handler of each kind: they stand here, all of them.
import atexit
import sys

from closerlook.runtime.hardware import memory_here
from closerlook.runtime.internals import errors_of, outputs_of, too_large, wait_for_jobs


onstart:
    if line := too_large(workflow, memory_here(), rates.MEMORY_MARGIN):
        stop(line)
    wait_for_jobs(workflow)


onsuccess:
    # The whole where it was asked for; else what was: one paper, or none.
    pdfs = outputs_of(workflow, {called("paper")}) or outputs_of(workflow, {called("one_paper")})
    for pdf in pdfs:
        atexit.register(print, f"the paper: {pdf}", file=sys.stderr)


onerror:
    # Once Snakemake has said its own: a reader looks at the end.
    for line in errors_of(workflow):
        atexit.register(print, line, file=sys.stderr)
