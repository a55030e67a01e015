# What is to be done, read before Snakemake reads it: strictly, with the papers' files, and every mistake in one line. No rule here.
import os
import sys
from functools import cache

# This checkout's package for the Snakefile and its jobs, whatever else is installed.
sys.path.insert(0, workflow.basedir)
os.environ.update(PYTHONPATH=workflow.basedir)
os.environ.update(MPLBACKEND="agg")  # a notebook's backend would end every figure's job

from closerlook.config.inert import require_useful
from closerlook.config.layers import ConfigError, command_line
from closerlook.config.reading import read_config


def stop(error):
    """End Snakemake with one line; as an exception of a rule it would come wrapped in ten."""
    raise SystemExit(f"error: {error}") from None


def layers():
    """Return what says what is to be done, later over earlier: config.yaml, each --configfile, --config."""
    if workflow.modifier.skip_configfile:
        return [config]  # another workflow uses this one as a module, with a configuration of its own
    settings = workflow.config_settings
    first = [] if settings.replace_workflow_config else filter(os.path.exists, ["config.yaml"])
    return [*first, *settings.configfiles, command_line(settings.config)]


@cache
def configured(scale=None):
    """Return the configuration at a scale, without one at that which was asked for."""
    try:
        return read_config(layers(), scale, root=workflow.basedir)
    except ConfigError as error:
        stop(error)


CONFIG = configured()

# The machine that starts the run has the user's folders; a cluster's node need not.
if workflow.is_main_process:
    try:
        require_useful(CONFIG)
    except ConfigError as error:
        stop(error)
