"""What is to be done at a scale: `config.yaml` laid over the papers' files, typed, strict, refused in one line.

The options themselves are defined in `closerlook.config.options`, and nowhere else: the option table in
`docs/options.md` and `config.schema.json` are generated from them (`closerlook.config.reference`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from closerlook import things
from closerlook.config.checking import checked, suggestion
from closerlook.config.experiments import read_experiment, whole
from closerlook.config.inert import without_effect
from closerlook.config.layers import SCALES, ConfigError, Layer, Section, file_layer, given_layer, overlay
from closerlook.config.options import DataOptions, ExperimentOptions, FigureOptions
from closerlook.config.papers import Paper, borrowed, find_own, find_papers
from closerlook.data import own as own_data
from closerlook.data.sets import DataError
from closerlook.refusal import shown

__all__ = ["SCALES", "Config", "ConfigError", "read_config"]

ROOT = Path(__file__).parents[2]
"""The checkout, whose ``papers/`` has the papers that a name alone stands for."""

MOST_NETWORKS = 100_000
"""In all experiments of a scale; fifty times the papers' own grids, and a plan of them still fits a small memory."""

TAKEN = ("noise", "tables", "figures", "papers")
"""Folders of a scale's results that are no experiment's."""

Source = Mapping[Any, Any] | str | Path | Layer


@dataclass(frozen=True)
class Config:
    """All that is to be done at one scale, the scale's own values filled in."""

    scale: str
    data: DataOptions
    experiments: dict[str, ExperimentOptions]
    figures: dict[str, FigureOptions]
    papers: dict[str, Paper] = field(default_factory=dict)
    own: tuple[Path, ...] = ()
    sections: Mapping[str, Section] = field(default_factory=dict, repr=False, compare=False)
    """Where each was written, by ``data``, ``experiments.<name>`` and ``figures.<name>``."""

    def place(self, key: str, option: str = "") -> str:
        """Return where an option was written, as ``config.yaml: experiments.capacity.seeds``."""
        if key in self.sections:
            return self.sections[key].place(option)
        return f"{key}.{option}" if option else key

    def data_folder(self) -> Path | None:
        """Return the user's folder of official files, if there is one."""
        return self.sections["data"].path("folder", self.data.folder) if self.data.folder else None

    def to_json(self) -> str:
        """Return what the results depend on as JSON; where files lie, and what nothing uses, is no part of it."""
        used = {name for options in self.experiments.values() for name in options.dataset}
        own = {name: asdict(options) for name, options in self.data.own.items() if name in used}
        content = {
            "scale": self.scale,
            "data": {
                "seeds": self.data.seeds,
                "validation_examples": self.data.validation_examples,
                "own": {name: {key: options[key] for key in options if key != "file"} for name, options in own.items()},
            },
            "experiments": {name: whole(options) for name, options in self.experiments.items()},
            "figures": {name: asdict(options) for name, options in self.figures.items()},
        }
        return json.dumps(content)


def read_config(source: Source | Sequence[Source], scale: str | None = None, root: str | Path = ROOT) -> Config:
    """Read and check what is to be done at one scale, and take its papers' and own folders into use.

    A section `scales` in `data` and in each experiment gives the options that differ at a scale; null there leaves an
    experiment out at that scale. Only what holds at the scale has to be possible.

    Parameters
    ----------
    source : path, mapping, `Layer`, or a sequence of them
        `config.yaml` and what lies over it, later over earlier.
    scale : str, optional
        The scale to return; without it, the one that the source names, or `quick`.
    root : path
        The folder whose ``papers/`` is searched for a paper's name.

    Raises
    ------
    ConfigError
        One line that names the file and the key, what it was, and what is allowed.
    """
    sources = [source] if isinstance(source, (Mapping, str, Path, Layer)) else source
    layers = [_layer(one) for one in sources]
    chosen = _scale(layers, scale)
    papers, own = _folders(layers, Path(root))
    folders = (*(paper.folder for paper in papers.values()), *own)
    if folders != things.own_folders():
        things.use(folders)
    written = [paper.layer() for paper in papers.values()]
    return _at_scale([*borrowed(papers, written), *written, *layers], chosen, papers, own)


def _layer(source: Source) -> Layer:
    if isinstance(source, Layer):
        return source
    return given_layer(source) if isinstance(source, Mapping) else file_layer(source)


def _scale(layers: Sequence[Layer], asked: str | None) -> str:
    for layer in layers:
        if "scale" in layer.content and layer.content["scale"] not in SCALES:
            wrong = shown(layer.content["scale"])
            raise ConfigError(f"{layer.name}: scale: {wrong} is not a scale; allowed: {', '.join(SCALES)}")
    if asked is not None and asked not in SCALES:
        raise ConfigError(f"scale: {shown(asked)} is not a scale; allowed: {', '.join(SCALES)}")
    named = [layer.content["scale"] for layer in layers if "scale" in layer.content]
    return asked or (named[-1] if named else "quick")


def _folders(layers: Sequence[Layer], root: Path) -> tuple[dict[str, Paper], tuple[Path, ...]]:
    """Return the papers and the own folders that the last layer with a list of them names."""
    papers = [layer for layer in layers if layer.content.get("papers") is not None]
    own = [layer for layer in layers if "own" in layer.content]
    if not papers:
        name = layers[0].name if layers else "config"
        raise ConfigError(f"{name}: papers: missing; name folders of papers/, such as [A, B], or none, []")
    return find_papers(papers[-1], root), find_own(own[-1]) if own else ()


def _at_scale(layers: Sequence[Layer], scale: str, papers: dict[str, Paper], own: tuple[Path, ...]) -> Config:
    experiments, dropped = overlay(layers, "experiments", scale)
    figures, _ = overlay(layers, "figures", scale)
    sections = {section.key: section for section in (*experiments.values(), *figures.values())}
    sections["data"] = _data(layers, scale)
    data = _read_data(sections["data"])
    config = Config(
        scale=scale,
        data=data,
        experiments={name: _experiment(section, papers, data) for name, section in experiments.items() if section.made},
        figures={},
        papers=papers,
        own=own,
        sections=sections,
    )
    for name, section in figures.items():
        if figure := _figure(section, experiments, dropped, config):
            config.figures[name] = figure
    for name in config.experiments:
        _require_possible(config, name)
    _require_bounded(config)
    return config


def _data(layers: Sequence[Layer], scale: str) -> Section:
    found = [layer for layer in layers if layer.content.get("data") is not None]
    section = Section("data", found[0] if found else given_layer({}))
    for layer in found:
        section.lay(layer, layer.content["data"], scale, may_be_absent=False)
    return section


def _read_data(section: Section) -> DataOptions:
    """Return the options of the data, once the user's own data sets are known."""
    data = checked(DataOptions, section.values, section.place)
    try:
        own_data.use(data.own, section.layer_of("own").folder)
    except DataError as error:
        raise ConfigError(f"{section.layer_of('own').name}: {error}") from None
    return data


def _experiment(section: Section, papers: Mapping[str, Paper], data: DataOptions) -> ExperimentOptions:
    usual = {"validation_examples": data.validation_examples}
    return read_experiment({**usual, **section.values, "paper": _paper(section, papers)}, section.place)


def _paper(section: Section, papers: Mapping[str, Paper]) -> str:
    paper = section.values.get("paper", section.layer.paper)
    if not isinstance(paper, str):
        raise ConfigError(f"{section.place('paper')}: {shown(paper)}: input should be a valid string")
    if section.layer.paper and paper != section.layer.paper:
        raise ConfigError(f"{section.place('paper')}: leave it out; the folder says that it is {section.layer.paper}")
    if paper and not section.layer.paper and paper not in papers:
        known = ", ".join(papers) or "none"
        raise ConfigError(f"{section.place('paper')}: no paper {shown(paper)}; there are: {known}")
    return paper


def _figure(
    section: Section, experiments: Mapping[str, Section], dropped: set[str], config: Config
) -> FigureOptions | None:
    """Return a figure with those of its experiments that are made at the scale; none if null took the last of them."""
    values = {**section.values, "paper": _paper(section, config.papers)}
    figure = checked(FigureOptions, values, section.place)
    for each in figure.experiments:
        if each not in experiments and each not in dropped:
            known = tuple(experiments)
            raise ConfigError(
                f"{section.place('experiments')}: no experiment {shown(each)}{suggestion(each, known)}; "
                f"there are: {', '.join(known) or 'none'}"
            )
    present = [each for each in figure.experiments if each in config.experiments]
    if not present and dropped.isdisjoint(figure.experiments):
        raise ConfigError(f"{section.place()}: none of its experiments is made at scale {config.scale}")
    return replace(figure, experiments=tuple(present)) if present else None


def _require_possible(config: Config, name: str) -> None:
    """Refuse an experiment that does not fit the data, cannot do what it says, or has another folder's name."""
    key, experiment, data = f"experiments.{name}", config.experiments[name], config.data
    if name in TAKEN:
        raise ConfigError(f"{config.place(key)}: the results have a folder of this name; give it another")
    for problem in without_effect(experiment):
        raise ConfigError(f"{config.place(key, problem)}, at scale {config.scale}")
    if experiment.seeds > data.seeds and not experiment.same_examples:
        raise ConfigError(
            f"{config.place(key, 'seeds')}: {experiment.seeds} is more than data.seeds, {data.seeds}, "
            f"at scale {config.scale}"
        )


def _require_bounded(config: Config) -> None:
    networks = {name: experiment.networks() for name, experiment in config.experiments.items()}
    if sum(networks.values()) > MOST_NETWORKS:
        largest = max(networks, key=networks.__getitem__)
        raise ConfigError(
            f"{config.place(f'experiments.{largest}')}: its grid has {networks[largest]:,} networks at scale "
            f"{config.scale}, with the other experiments {sum(networks.values()):,}; allowed: {MOST_NETWORKS:,} in all"
        )
