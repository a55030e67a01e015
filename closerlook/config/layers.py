"""The files that say what is to be done, one laid over the other, and where each option was written.

The papers' files come first, `config.yaml` lies over them, then further `--configfile`s, then `--config` of the command
line. What a layer gives replaces an option's whole value; `null` in place of an experiment or a figure drops it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from closerlook.config.checking import ConfigError, suggestion
from closerlook.config.yamlfile import YamlError, parse_yaml, read_yaml, typed
from closerlook.refusal import shown

SCALES: tuple[str, ...] = ("smoke", "quick", "paper")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Experiments, figures and papers: their names become those of folders, files, modules, and words of command lines."""

KEYS = ("scale", "papers", "own", "data", "experiments", "figures")
"""Of `config.yaml`; a paper's `experiments.yaml` has the last two."""


@dataclass(frozen=True)
class Layer:
    """What one file, or the command line, says.

    Attributes
    ----------
    name : str
        What messages call it, such as ``papers/A/experiments.yaml``.
    folder : Path
        What its relative paths may start from.
    content : mapping
        Its sections.
    paper : str
        The paper whose file it is; empty for the others.
    """

    name: str
    folder: Path
    content: Mapping[Any, Any]
    paper: str = ""

    def section(self, key: str) -> Mapping[Any, Any]:
        """Return one of the sections that hold things by name; empty if it is not there."""
        section = self.content.get(key)
        if section is None:
            return {}
        if not isinstance(section, Mapping):
            raise ConfigError(f"{self.name}: {key}: must be a mapping, not {shown(section)}")
        return section


def file_layer(path: str | Path, keys: Iterable[str] = KEYS, paper: str = "") -> Layer:
    """Read a file strictly.

    Raises
    ------
    ConfigError
        If it cannot be read (see `read_yaml`), or is no mapping of the allowed sections.
    """
    name = os.path.relpath(path) if Path(path).resolve().is_relative_to(Path.cwd()) else str(path)
    try:
        content = read_yaml(path, name)
    except YamlError as error:
        raise ConfigError(str(error)) from None
    return _checked(Layer(name, Path(path).resolve().parent, {} if content is None else content, paper), keys)


def given_layer(content: Mapping[Any, Any], name: str = "config") -> Layer:
    """Take what was parsed elsewhere: by another workflow that uses this one as a module, or by a test."""
    return _checked(Layer(name, Path.cwd(), content), KEYS)


def command_line(content: Mapping[Any, Any]) -> Layer:
    """Take Snakemake's `--config`, whose nested values come as text."""
    return given_layer(typed(dict(content)), "--config")


def key_value(entry: str) -> Layer:
    """Take one ``KEY=VALUE`` of our own command line's `--config`, the value written as in a file.

    Raises
    ------
    ConfigError
        If it is no such pair, the value is not YAML, or there is no such key.
    """
    key, sign, value = entry.partition("=")
    if not sign:
        raise ConfigError(f"--config: {shown(entry)} is not KEY=VALUE; allowed keys: {', '.join(KEYS)}")
    try:
        return given_layer({key: parse_yaml(value, f"--config: {key}")}, "--config")
    except YamlError as error:
        raise ConfigError(str(error)) from None


def stacked(configfiles: Iterable[str | Path], given: Iterable[Layer], alone: bool = False) -> list[Layer]:
    """Return what a command line asks for, later over earlier: `config.yaml`, each `--configfile`, each `--config`.

    Parameters
    ----------
    configfiles : iterable of path
        What `--configfile` names.
    given : iterable of Layer
        What `--config` gives.
    alone : bool
        Whether the working directory's `config.yaml` is left out (Snakemake's `--replace-workflow-config`).
    """
    first = [] if alone else filter(os.path.exists, ["config.yaml"])
    return [*map(file_layer, (*first, *configfiles)), *given]


def _checked(layer: Layer, keys: Iterable[str]) -> Layer:
    allowed = tuple(keys)
    if not isinstance(layer.content, Mapping):
        raise ConfigError(f"{layer.name}: must be a mapping of {', '.join(allowed)}, not {shown(layer.content)}")
    for key in layer.content:
        if key not in allowed:
            word = key if isinstance(key, str) else shown(key)
            allowed_words = f"{suggestion(word, allowed)}; allowed: {', '.join(allowed)}"
            raise ConfigError(f"{layer.name}: {word}: unknown key{allowed_words}")
    for key in ("experiments", "figures"):
        for name in layer.section(key):
            if not (isinstance(name, str) and NAME.fullmatch(name)):
                raise ConfigError(
                    f"{layer.name}: {key}: {shown(name)} is not a name; "
                    "allowed: 1 to 64 letters, digits, - and _, the first no sign"
                )
    return layer


@dataclass
class Section:
    """An experiment's, a figure's or the data's options as they hold at a scale, and where each was written."""

    key: str
    layer: Layer
    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, tuple[Layer, str]] = field(default_factory=dict)
    made: bool = True

    def place(self, option: str = "") -> str:
        """Return where an option was written, as ``file: experiments.capacity.scales.smoke.epochs``."""
        layer, scale = self.origins.get(re.split(r"[.:]", option, maxsplit=1)[0], (self.layer, ""))
        return f"{layer.name}: {self.key}{scale}" + (f".{option}" if option else "")

    def layer_of(self, option: str) -> Layer:
        """Return the layer that an option was written in."""
        return self.origins.get(option, (self.layer, ""))[0]

    def path(self, option: str, written: str) -> Path:
        """Return a path that an option holds: from the working directory, or from its file's folder."""
        path = Path(os.path.expanduser(written))
        return path if path.exists() else self.layer_of(option).folder / path

    def lay(self, layer: Layer, options: Any, scale: str, may_be_absent: bool) -> None:
        """Lay a layer's options over these, with what it says of the scale over what it says of all."""
        place = f"{layer.name}: {self.key}"
        if not isinstance(options, Mapping):
            raise ConfigError(f"{place}: must be a mapping, not {shown(options)}")
        scales = _scales(options, place, may_be_absent)
        self._put({key: value for key, value in options.items() if key != "scales"}, layer, "")
        if scale in scales:
            self.made = scales[scale] is not None
            self._put(scales[scale] or {}, layer, f".scales.{scale}")

    def _put(self, values: Mapping[Any, Any], layer: Layer, scale: str) -> None:
        self.values |= values
        self.origins |= dict.fromkeys((key for key in values if isinstance(key, str)), (layer, scale))


def _scales(options: Mapping[Any, Any], place: str, may_be_absent: bool) -> Mapping[str, Any]:
    scales = {} if options.get("scales") is None else options["scales"]
    if not isinstance(scales, Mapping):
        raise ConfigError(f"{place}.scales: must be a mapping, not {shown(scales)}")
    for name, values in scales.items():
        if name not in SCALES:
            raise ConfigError(f"{place}.scales.{name}: not a scale; allowed: {', '.join(SCALES)}")
        if not isinstance(values, Mapping) and not (values is None and may_be_absent):
            raise ConfigError(f"{place}.scales.{name}: must be a mapping, not {shown(values)}")
    return scales


def overlay(layers: Iterable[Layer], kind: str, scale: str) -> tuple[dict[str, Section], set[str]]:
    """Return the experiments, or the figures, of all layers at a scale, and the names of those that null dropped.

    Raises
    ------
    ConfigError
        If two papers use one name, null drops what no layer below has, or a section is no mapping.
    """
    found: dict[str, Section] = {}
    dropped: set[str] = set()
    for layer, name, options in _entries(layers, kind):
        place = f"{layer.name}: {kind}.{name}"
        if options is None and not layer.paper:
            if name not in found and name not in dropped:
                known = tuple(found)
                raise ConfigError(f"{place}: null drops what a paper has, but none has it{suggestion(name, known)}")
            found.pop(name, None)
            dropped.add(name)
            continue
        if name in found and layer.paper:
            raise ConfigError(f"{place}: {found[name].layer.name} has one of this name already; give it another")
        dropped.discard(name)
        section = found.setdefault(name, Section(f"{kind}.{name}", layer))
        section.lay(layer, options, scale, may_be_absent=kind == "experiments")
    return found, dropped


def _entries(layers: Iterable[Layer], kind: str) -> Iterator[tuple[Layer, str, Any]]:
    for layer in layers:
        for name, options in layer.section(kind).items():
            yield layer, name, options
