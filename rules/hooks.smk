# What happens as a run starts and ends. Snakemake keeps one handler of each kind: they stand here, all of them.
import atexit
import sys

from closerlook.runtime.hardware import memory_here
from closerlook.runtime.internals import errors_of, too_large, wait_for_jobs


onstart:
    if line := too_large(workflow, memory_here(), rates.MEMORY_MARGIN):
        stop(line)
    wait_for_jobs(workflow)


onsuccess:
    pdf = Path("results", CONFIG.scale, "paper.pdf")
    if CONFIG.papers and pdf.exists():
        atexit.register(print, f"the paper: {pdf}", file=sys.stderr)


onerror:
    # Once Snakemake has said its own: a reader looks at the end.
    for line in errors_of(workflow):
        atexit.register(print, line, file=sys.stderr)
