"""The command line: ``closerlook plan paper``, or ``python -m closerlook plan paper``; `--help` lists the commands."""

from __future__ import annotations

import argparse
import sys

from closerlook.refusal import one_line

LAID = "laid over config.yaml, as Snakemake's"


def new(options: argparse.Namespace) -> None:
    """Write a new paper's folder."""
    from closerlook.config.new import advice, write_paper

    print(*advice(write_paper(options.folder)), sep="\n")


def plan(options: argparse.Namespace) -> None:
    """Print what a scale costs."""
    from closerlook.config.layers import key_value, stacked
    from closerlook.planning.overview import overview

    print(overview(stacked(options.configfile, map(key_value, options.config)), options.scale))


def check(options: argparse.Namespace) -> int:
    """Say of each thing of an own folder whether it is as its room asks for; return 1 if one is not."""
    from closerlook.conformance import check_folder

    failed = 0
    for found in check_folder(options.folder):
        failed += bool(found.problem)
        aside = f" ({found.untried})" if found.untried else ""
        print(f"FAIL {found.thing}: {found.problem}" if found.problem else f"ok   {found.thing}{aside}", flush=True)
    return min(failed, 1)


def parser() -> argparse.ArgumentParser:
    """Return the parser; each command is a function of the options, with its imports in it: `--help` waits for none."""
    whole = argparse.ArgumentParser(prog="closerlook", description="Papers on memorization and flat minima, rebuilt.")
    commands = whole.add_subparsers(required=True, metavar="command")
    command = commands.add_parser("new", help="write the folder of a paper of your own, which runs at once")
    command.add_argument("folder", help="its name, for a folder in papers/; or a path")
    command.set_defaults(command=new)
    command = commands.add_parser("plan", help="what a run would cost: jobs, networks, FLOP, memory, disk, hours")
    command.add_argument("scale", nargs="?", help="smoke, quick or paper; without it, the one that config.yaml names")
    command.add_argument("--configfile", nargs="+", action="extend", default=[], metavar="FILE", help=LAID)
    command.add_argument("--config", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help=LAID)
    command.set_defaults(command=plan)
    command = commands.add_parser("check", help="try each thing of a folder of your own")
    command.add_argument("folder", help="a folder as `own` in config.yaml names it")
    command.set_defaults(command=check)
    return whole


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0, or 1 after one line on what is wrong."""
    options = parser().parse_args(arguments)
    try:
        return options.command(options) or 0
    except (ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
