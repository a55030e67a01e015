# After a kill the same command goes on: nobody has to unlock, and no job outlives the Snakemake that started it.
import os
import sys
from pathlib import Path

from closerlook.runtime.internals import quote_interpreter
from closerlook.runtime.takeover import end_with, take_over

quote_interpreter()

# A workflow that uses this one as a module sees to its folder, and to its jobs, itself.
if MAIN and workflow.is_main_process and not workflow.dryrun:
    for what in take_over(Path.cwd()):
        print(f"removed {what}", file=sys.stderr)

if MAIN and (ending := end_with(os.getpid())):
    shell.prefix(f"set -euo pipefail; {ending}")
