# What is to be done, read before Snakemake reads it: strictly, with the papers' files, and every mistake in one line. No rule here.
import os
import sys
from functools import cache

# The checkout: not Snakemake's `basedir`, which is another workflow's folder where that one uses this as a module.
ROOT = Path(os.path.abspath(workflow.current_basedir)).parent

# This checkout's package for the Snakefile and its jobs, whatever else is installed.
sys.path.insert(0, str(ROOT))
os.environ.update(
    PYTHONPATH=os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    MPLBACKEND="agg",  # a notebook's backend would end every figure's job
)

from closerlook.config.inert import require_useful
from closerlook.config.layers import ConfigError, command_line, stacked
from closerlook.config.reading import read_config

# Asked now: once all files are read Snakemake's modifier is that of the workflow that was started.
MAIN = workflow.modifier.is_main_snakefile()
called = workflow.modifier.modify_rulename  # what rules are called: with a module's `as cl_*`, cl_train
placed = workflow.modifier.path_modifier.replace_prefix  # where a path leads: with a module's `prefix`, below that


def stop(error):
    """End Snakemake with one line; as an exception of a rule it would come wrapped in ten."""
    raise SystemExit(f"error: {error}") from None


def layers():
    """Return what says what is to be done, later over earlier: config.yaml, each --configfile, --config."""
    if not MAIN:
        return [config]  # what the workflow that uses this one as a module gives it
    settings = workflow.config_settings
    return stacked(settings.configfiles, [command_line(settings.config)], alone=settings.replace_workflow_config)


@cache
def configured(scale=None):
    """Return the configuration at a scale, without one at that which was asked for."""
    try:
        return read_config(layers(), scale, root=ROOT)
    except ConfigError as error:
        stop(error)


CONFIG = configured()

# The machine that starts the run has the user's folders; a cluster's node need not.
if workflow.is_main_process:
    try:
        require_useful(CONFIG)
    except ConfigError as error:
        stop(error)
