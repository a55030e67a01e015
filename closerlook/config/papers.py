"""A paper is a folder: who wrote it, its experiments, figures, claims and text, and rooms of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from closerlook.config.checking import suggestion
from closerlook.config.layers import NAME, ConfigError, Layer, file_layer
from closerlook.config.yamlfile import YamlError, read_yaml
from closerlook.refusal import shown
from closerlook.things import ROOMS


@dataclass(frozen=True)
class Paper:
    """A paper's folder and what its `paper.yaml` says."""

    name: str
    """the folder's name; a letter for the five originals"""
    folder: Path
    title: str
    short: str = ""
    """a title for headings and the report; the title itself if it is left out"""
    authors: tuple[str, ...] = ()
    citation: str = ""
    """its entry in the references"""

    def file(self, name: str) -> Path | None:
        """Return one of the folder's files, such as `claims.yaml`; None if it has none."""
        path = self.folder / name
        return path if path.is_file() else None

    def layer(self) -> Layer:
        """Read its `experiments.yaml`; a paper without one has no experiments."""
        path = self.file("experiments.yaml")
        if path is None:
            return Layer(str(self.folder / "experiments.yaml"), self.folder, {}, self.name)
        return file_layer(path, ("experiments", "figures"), self.name)


def find_papers(layer: Layer, root: Path) -> dict[str, Paper]:
    """Return the papers that a layer names, by their folders' names.

    A name is looked for in ``papers/`` of closerlook and of the layer's folder; a path may start from that folder, the
    working directory, or ``~``.

    Raises
    ------
    ConfigError
        If there is no such folder, it holds no `paper.yaml`, or two have one name.
    """
    papers: dict[str, Paper] = {}
    for entry in _entries(layer, "papers"):
        places = [root / "papers" / entry, layer.folder / "papers" / entry, *_places(layer, entry)]
        paper = read_paper(_folder(layer, "papers", entry, places))
        if paper.name in papers:
            raise ConfigError(f"{layer.name}: papers: two are called {paper.name}; rename one of the folders")
        papers[paper.name] = paper
    return papers


def borrowed(papers: Mapping[str, Paper], layers: Sequence[Layer]) -> Iterator[Layer]:
    """Yield the experiments that figures of the papers show and papers beside them have that are not in use.

    So a paper can be had without another whose experiments it shows.

    Parameters
    ----------
    papers : mapping
        The papers in use.
    layers : sequence of Layer
        Their `experiments.yaml`, in their order.
    """
    known = {name for layer in layers for name in layer.section("experiments")}
    for paper, layer in zip(papers.values(), layers, strict=True):
        figures = [options for options in layer.section("figures").values() if isinstance(options, Mapping)]
        wanted = {name for options in figures for name in _listed(options.get("experiments"))} - known
        for beside in sorted(paper.folder.parent.glob("*/experiments.yaml")) if wanted else ():
            if beside.parent.name not in papers:
                other = file_layer(beside, ("experiments", "figures"), beside.parent.name)
                found = {name: options for name, options in other.section("experiments").items() if name in wanted}
                known, wanted = known | set(found), wanted - set(found)
                yield replace(other, content={"experiments": found})


def _listed(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def find_own(layer: Layer) -> tuple[Path, ...]:
    """Return the own folders that a layer names.

    Raises
    ------
    ConfigError
        If one is not there, or holds none of the rooms' folders.
    """
    folders = []
    for entry in _entries(layer, "own"):
        folder = _folder(layer, "own", entry, _places(layer, entry))
        if not has_room(folder):
            rooms = ", ".join(ROOMS.values())
            raise ConfigError(f"{layer.name}: own: {entry} holds nothing to use; it needs one of the folders {rooms}")
        folders.append(folder)
    return tuple(folders)


def has_room(folder: Path) -> bool:
    """Whether a folder has a folder of one of the rooms' names."""
    return any((folder / room).is_dir() for room in ROOMS.values())


def read_paper(folder: Path) -> Paper:
    """Read a paper's folder.

    Raises
    ------
    ConfigError
        If its name cannot be one of files, or its `paper.yaml` is missing or wrong.
    """
    path = folder / "paper.yaml"
    if not NAME.fullmatch(folder.name):
        raise ConfigError(f"papers: {shown(folder.name)} is not a name; allowed: 1 to 64 letters, digits, - and _")
    if not path.is_file():
        raise ConfigError(f"papers: {folder} holds no paper.yaml; `closerlook new` writes a folder that has all")
    try:
        content = read_yaml(path)
    except YamlError as error:
        raise ConfigError(str(error)) from None
    keys = tuple(entry.name for entry in fields(Paper) if entry.name not in ("name", "folder"))
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path}: must be a mapping of {', '.join(keys)}, not {shown(content)}")
    for key, value in content.items():
        if key not in keys:
            raise ConfigError(f"{path}: {key}: unknown key{suggestion(str(key), keys)}; allowed: {', '.join(keys)}")
        if not (_texts(value) if key == "authors" else isinstance(value, str)):
            raise ConfigError(f"{path}: {key}: must be {'a list of names' if key == 'authors' else 'text'}")
    if not content.get("title"):
        raise ConfigError(f"{path}: title: missing")
    rest = {key: content[key] for key in ("title", "citation") if key in content}
    authors = tuple(content.get("authors", ()))
    return Paper(folder.name, folder, short=content.get("short") or content["title"], authors=authors, **rest)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _entries(layer: Layer, key: str) -> Iterator[str]:
    """Yield what a layer's list of folders names; a single one may stand for a list of one."""
    entries = layer.content.get(key)
    entries = [] if entries is None else [entries] if isinstance(entries, str) else entries
    if not isinstance(entries, list):
        raise ConfigError(f"{layer.name}: {key}: must be a list of folders, not {shown(entries)}")
    for position, entry in enumerate(entries):
        if not (isinstance(entry, str) and entry.strip() and "\0" not in entry):
            raise ConfigError(f"{layer.name}: {key}: {shown(entry)} is not the name of a folder")
        if entry in entries[:position]:
            raise ConfigError(f"{layer.name}: {key}: {entry} stands twice")
        yield entry


def _places(layer: Layer, entry: str) -> list[Path]:
    return [layer.folder / os.path.expanduser(entry), Path.cwd() / os.path.expanduser(entry)]


def _folder(layer: Layer, key: str, entry: str, places: list[Path]) -> Path:
    try:
        for place in places:
            if place.is_dir():
                return place.resolve()
        found = next((place for place in places if place.exists()), None)
    except OSError as error:
        raise ConfigError(f"{layer.name}: {key}: {shown(entry)} cannot be looked at ({error.strerror})") from None
    if found:
        raise ConfigError(f"{layer.name}: {key}: {entry} is a file, not a folder")
    looked = ", ".join(dict.fromkeys(str(place.parent) for place in places))
    raise ConfigError(f"{layer.name}: {key}: no folder {shown(entry)}; looked in {looked}")
