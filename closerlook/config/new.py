"""A paper of one's own, to begin with: a folder that runs at once, and says the same thing in every file."""

from __future__ import annotations

import keyword
import os
import re
import shutil
import tempfile
from pathlib import Path

from closerlook.config.layers import NAME, ConfigError
from closerlook.config.reading import TAKEN
from closerlook.config.yamlfile import YamlError, read_yaml
from closerlook.refusal import shown
from closerlook.things import find_module

TEMPLATE = Path(__file__).with_name("template")
WORDS = re.compile("my-paper|my_paper")
"""A paper's name and its figure's: those of the template, which a new paper's take the place of."""


def write_paper(wanted: str | Path) -> Path:
    """Write the folder of a new paper, whole or not at all.

    Parameters
    ----------
    wanted : path
        A name, for a folder in ``papers/`` where the working directory has one, or a path.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ConfigError
        If the name cannot be a paper's, something is there already, or nothing can be written.
    """
    folder = Path(os.path.expanduser(wanted))
    figure = _figure(folder.name)
    if folder == Path(folder.name) and Path("papers").is_dir():
        folder = Path("papers") / folder
    if folder.exists() or folder.is_symlink():
        raise ConfigError(f"{folder}: is there already; give the paper another name")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as work:
            draft = Path(work, folder.name)
            shutil.copytree(TEMPLATE, draft, ignore=shutil.ignore_patterns("__pycache__"))
            for path in [path for path in draft.rglob("*") if path.is_file()]:
                text = path.read_text(encoding="utf-8")
                path.write_text(_renamed(text, folder.name, figure), encoding="utf-8")
                path.rename(path.with_name(_renamed(path.name, folder.name, figure)))
            draft.rename(folder)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written ({error.strerror})") from None
    return folder


def _renamed(text: str, paper: str, figure: str) -> str:
    return WORDS.sub(lambda found: paper if "-" in found[0] else figure, text)


def _figure(name: str) -> str:
    """Return the name of a new paper's figure, which is a module's."""
    figure = name.replace("-", "_")
    if not (NAME.fullmatch(name) and figure.isidentifier()) or keyword.iskeyword(figure):
        allowed = "up to 64 letters, digits, - and _, the first a letter"
        raise ConfigError(f"{shown(name)} is no name for a paper; allowed: {allowed}")
    if name in TAKEN or any(find_module(f"closerlook.{room}.{figure}") for room in ("figures", "tables")):
        raise ConfigError(f"{shown(name)} is no name for a paper: its figure would have that of another; give another")
    return figure


def advice(folder: Path) -> list[str]:
    """Return what to do with a new paper, in lines: how to run it, and how to keep it."""
    named = folder.name if folder.parent == Path("papers") else str(folder)
    files = ", ".join(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()))
    return [
        f"{folder}: {files}",
        f"run it:  snakemake --cores all --config scale=smoke papers={_quoted(named)}",
        f"keep it: papers: [{', '.join([*_present(), named])}]  in config.yaml",
    ]


def _quoted(word: str) -> str:
    return word if all(char.isalnum() or char in "-_./" for char in word) else f'"{word}"'


def _present() -> list[str]:
    """Return the papers that the `config.yaml` here names, if it can be read."""
    try:
        papers = (read_yaml("config.yaml") or {}).get("papers")
    except (YamlError, AttributeError):
        return []
    return [str(paper) for paper in papers] if isinstance(papers, list) else []
