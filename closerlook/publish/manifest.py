"""Every result of a scale with its SHA-256, and what it was made with: the file that two runs are compared by.

`manifest.json` names the commit, so it is the one result that may differ between two runs of the same inputs; nothing
else depends on it.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from closerlook import store

NAME = "manifest.json"

PACKAGES = ("snakemake", "torch", "numpy", "h5py", "scipy", "pandas", "matplotlib", "seaborn", "typst")
"""The libraries whose version can change a result's bytes, and the workflow engine."""


class ManifestError(ValueError):
    """A manifest cannot be read; the message is one line that names the file."""


def write_manifest(files: Iterable[Path], *, scale: str, config: str, provenance: Path, output: Path) -> None:
    """Write `manifest.json`.

    Parameters
    ----------
    files : iterable of Path
        The results, all below the folder of `output`.
    scale : str
        The scale's name.
    config : str
        The configuration at this scale, as JSON; its SHA-256 over sorted keys goes in.
    provenance : Path
        `provenance.json`, which knows the devices.
    output : Path
        Where the manifest goes.
    """
    folder = output.parent
    content = {
        "scale": scale,
        "git": git_state(Path(__file__).parents[2]),
        "config_sha256": hashlib.sha256(json.dumps(json.loads(config), sort_keys=True).encode()).hexdigest(),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "devices": json.loads(provenance.read_text(encoding="utf-8"))["devices"],
        "files": {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(files)},
    }
    with store.replacing(output) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_manifest(path: Path) -> dict:
    """Return a manifest's content.

    Raises
    ------
    ManifestError
        If it is missing, not JSON, or lists no files.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path}: not a manifest ({' '.join(str(error).split())})") from None
    if not isinstance(content, dict) or not isinstance(content.get("files"), dict):
        raise ManifestError(f"{path}: not a manifest (it lists no files)")
    return content


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_state(folder: Path) -> dict[str, object]:
    """Return the commit that `folder` is at, and whether a file that git does not ignore differs from it.

    Both are None where git is missing, or does not track the Snakefile there (a copy inside somebody's repository).
    """

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout

    try:
        git("ls-files", "--error-unmatch", "Snakefile")
        return {
            "commit": git("rev-parse", "HEAD").strip(),
            "dirty": bool(git("status", "--porcelain", "--", ".").strip()),
        }
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
