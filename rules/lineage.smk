# What runs again: what the lineage of a result says (docs/how-it-works.md), and no time of a file. No rule of the workflow's own.
import atexit
import time

from closerlook.runtime.fingerprints import keep
from closerlook.planning.lineage import Lineage
from closerlook.planning.records import is_made

if workflow.is_main_process:
    atexit.register(keep)  # what was found in the sources while the jobs were planned

CHANGED, NOW = ".snakemake/options-or-code-changed", ".snakemake/closerlook-now"

if workflow.is_main_process:
    # Newer than every result: what the rule `changed` is asked for is always due.
    Path(placed(NOW)).parent.mkdir(parents=True, exist_ok=True)
    Path(placed(NOW)).write_text(f"{time.time_ns()}\n", encoding="utf-8")


@cache
def lineage(scale):
    return Lineage(plan(scale), ROOT / "scripts")


class Made:
    """What a rule writes, and the digest of what that is made from; both are functions of the wildcards.

    `look` is a function of (lineage, wildcards).
    """

    def __init__(self, look, *outputs):
        self.look, self.outputs = look, outputs

    def digest(self, wildcards):
        """For params: the digest."""
        return planned(lambda the_plan, wildcards: self.look(lineage(wildcards.scale), wildcards))(wildcards)

    def paths(self, wildcards):
        """Return where the results lie."""
        each = (output(wildcards) if callable(output) else output for output in self.outputs)
        return [placed(output.format(**wildcards)) for output in each]

    def given(self, look):
        """Make an input function of one of wildcards.

        Once a result is made as it should be, neither its input's time, nor that the input is made again with the same
        content, is a reason to make it again.
        """

        def found(wildcards):
            files = look(wildcards)
            if not is_made(self.paths(wildcards), self.digest(wildcards)):
                return files
            return ancient(files) if isinstance(files, str) else list(map(ancient, files))

        return found

    def renewed(self, wildcards):
        """For input: what asks for a new result where one of another lineage lies.

        Snakemake would notice a changed parameter itself, but not where its records are gone or were not copied along,
        and not where something further upstream is due for a reason of its own.
        """
        paths = self.paths(wildcards)
        there = all(map(os.path.exists, paths))
        return [CHANGED] if there and not is_made(paths, self.digest(wildcards)) else []
