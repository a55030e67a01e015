"""The command line: ``closerlook new my-paper``, or ``python -m closerlook new my-paper``."""

from __future__ import annotations

import argparse
import sys

from closerlook.refusal import one_line


def new(options: argparse.Namespace) -> None:
    """Write a new paper's folder."""
    from closerlook.config.new import advice, write_paper

    print(*advice(write_paper(options.folder)), sep="\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser; each command is a function of the options, with its imports in it: `--help` waits for none."""
    whole = argparse.ArgumentParser(prog="closerlook", description="Papers on memorization and flat minima, rebuilt.")
    commands = whole.add_subparsers(required=True, metavar="command")
    command = commands.add_parser("new", help="write the folder of a paper of your own, which runs at once")
    command.add_argument("folder", help="its name, for a folder in papers/; or a path")
    command.set_defaults(command=new)
    return whole


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0, or 1 after one line on what is wrong."""
    options = parser().parse_args(arguments)
    try:
        options.command(options)
    except (ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
