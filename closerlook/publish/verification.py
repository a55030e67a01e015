"""Same inputs, same bytes: run the workflow twice and compare, or compare results with another's manifest.

`python -m closerlook.publish.verification` is what `make verify` runs (`docs/reproducing.md`).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from closerlook.publish.comparison import TOLERANCE, compare_bytes, compare_with_manifest
from closerlook.publish.manifest import ManifestError

PARTS = (
    "Snakefile", "config.yaml", "rules", "scripts", "closerlook", "papers", "report", "profiles", "envs",
)  # fmt: skip
"""What the workflow is made of; the rest of a checkout does not enter a result."""

RUNS = (
    ("a", 1, {"TZ": "UTC", "PYTHONHASHSEED": "1"}),
    ("a longer path with spaces/größer", 2, {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "2"}),
)
"""Folder, cores and environment of the runs: whatever of these reached a result would show."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0 if nothing differs, 1 if something does or a run failed."""
    parser = argparse.ArgumentParser(prog="make verify", description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="smoke")
    parser.add_argument("--manifest", type=Path, help="another's manifest.json, to compare results/<scale>/ with")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="relative; for values, not bytes")
    options = parser.parse_args(arguments)
    try:
        if options.manifest:
            lines, same = compare_with_manifest(Path("results", options.scale), options.manifest, options.tolerance)
        else:
            lines, same = verify_twice(Path.cwd(), options.scale)
    except (ManifestError, RunError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(*lines, sep="\n")
    return 0 if same else 1


class RunError(RuntimeError):
    """A run of the workflow failed; the message is one line that names its log."""


def verify_twice(checkout: Path, scale: str) -> tuple[list[str], bool]:
    """Run the workflow of a checkout from nothing in two temporary folders and compare every byte of the results.

    Returns
    -------
    lines : list of str
        One per difference, then a summary.
    same : bool
        Whether there is none.

    Raises
    ------
    RunError
        If a run fails; its log stays.
    """
    with tempfile.TemporaryDirectory(prefix="closerlook-verify-", ignore_cleanup_errors=True) as folder:
        data, results = checkout / "data", []
        for name, cores, environment in RUNS:
            run = Path(folder, name)
            copy_checkout(checkout, run, data)
            print(f"running scale {scale} with --cores {cores} in '{run}'", flush=True)
            _run(run, scale, cores, environment, log=checkout / f"logs/verify-{cores}.log")
            data = run / "data"  # fetched by the first run where the checkout had none
            results.append(run / "results")
        lines, same = compare_bytes(*results)
    return lines, same


def copy_checkout(checkout: Path, folder: Path, data: Path | None) -> None:
    """Copy what the workflow needs into a new folder, with the data sets if there are some."""
    folder.mkdir(parents=True)
    for part in map(checkout.joinpath, PARTS):
        if part.is_dir():
            shutil.copytree(part, folder / part.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(part, folder)
    for path in _datasets(data):
        (folder / "data").mkdir(exist_ok=True)
        shutil.copy(path, folder / "data")  # not its time: newer than the sources, or it would be fetched again


def _datasets(data: Path | None) -> Iterator[Path]:
    if data and data.is_dir():
        yield from (path for path in data.glob("*.h5") if not path.name.startswith("."))


def _run(folder: Path, scale: str, cores: int, environment: dict[str, str], log: Path) -> None:
    log.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--config", f"scale={scale}"]
    with log.open("wb") as file:
        code = subprocess.run(
            command, cwd=folder, env=os.environ | environment, stdout=file, stderr=subprocess.STDOUT, check=False
        ).returncode
    if code:
        raise RunError(f"the run with --cores {cores} failed; see {log}")


if __name__ == "__main__":
    sys.exit(main())
