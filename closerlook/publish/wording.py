"""What the texts may say of a run's networks, by paper: what they were made of, and each thing's own words for itself.

A text looks these up, so that it speaks of the data sets, noises and networks that its own paper uses and of no other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from closerlook.config.options import COMBINED
from closerlook.data.noise import NOISES
from closerlook.data.sets import SETS
from closerlook.nets import NETS
from closerlook.objectives import OBJECTIVES
from closerlook.optimizers import OPTIMIZERS
from closerlook.regularizers import REGULARIZERS
from closerlook.spec import REAL

Experiment = Mapping[str, Any]
"""An experiment's options, as `closerlook.config.reading.Config.to_json` has them."""


Use = Mapping[str, Any]
"""A thing's `name`, and the `experiments` that use it."""


@dataclass(frozen=True)
class Trained:
    """What the files of an experiment's networks say: how many, of which so many diverged, by what and where."""

    networks: int = 0
    diverged: int = 0
    ensembles: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    devices: frozenset[str] = frozenset()

    def __or__(self, other: Trained) -> Trained:
        return Trained(
            self.networks + other.networks,
            self.diverged + other.diverged,
            self.ensembles + other.ensembles,
            {**self.versions, **other.versions},
            self.devices | other.devices,
        )


USES: dict[str, Callable[[Experiment], Iterable[str]]] = {
    "data": lambda options: options["dataset"],
    "noise": lambda options: (
        kind for kind, levels in options["noise"].items() if kind != REAL and any(level > 0 for level in levels)
    ),
    "network": lambda options: [options["network"]],
    "objective": lambda options: [options["objective"]],
    "optimizer": lambda options: [options["optimizer"]],
    "regularizer": lambda options: dict.fromkeys(
        name
        for one, strengths in options["regularizers"].items()
        for name in ([each for several in strengths for each in several] if one == COMBINED else [one])
    ),
}
"""Each kind of thing -> which of them an experiment uses."""


def words() -> dict[str, dict[str, str]]:
    """Return what the papers call each data set, kind of noise, network and optimiser."""
    return {
        "data": {name: SETS[name].title for name in SETS.usable()},
        "noise": {name: NOISES[name].words for name in NOISES.usable()},
        "network": {name: NETS[name].words for name in NETS.usable()},
        "objective": {name: name.replace("_", " ") for name in OBJECTIVES.names()},
        "optimizer": {name: OPTIMIZERS[name].words for name in OPTIMIZERS.usable()},
        "regularizer": {name: REGULARIZERS[name].words for name in REGULARIZERS.usable()},
    }


def words_of(uses: Mapping[str, Sequence[Use]]) -> dict[str, list[str]]:
    """Return what the papers call the things that are used."""
    known = words()
    return {kind: [known[kind].get(use["name"], "") for use in used] for kind, used in uses.items()}


def sentences(uses: Mapping[str, Sequence[Use]]) -> dict[str, dict[str, str]]:
    """Return, of the things that are used, what each says of itself: a declared sentence, or its docstring's first."""
    said: dict[str, Callable[[str], str]] = {
        "noise": lambda name: NOISES[name].convention or NOISES.summary(name),
        "network": NETS.summary,
        "objective": OBJECTIVES.summary,
        "regularizer": lambda name: REGULARIZERS[name].meaning.partition(";")[0],
    }
    return {kind: {use["name"]: _plain(say(use["name"])) for use in uses[kind]} for kind, say in said.items()}


def _plain(text: str) -> str:
    """Return a docstring's words as a sentence without its end, and with minus signs."""
    return re.sub(r"(?<![^\s(])-(?=\w)", "\N{MINUS SIGN}", re.sub(r"[*`]", "", text)).strip().removesuffix(".")


def parts(settings: Mapping[str, Any], trained: Mapping[str, Trained]) -> dict[str, Any]:
    """Return what is to be said of all experiments, and under `papers` of each paper's.

    A paper's are those that its figures show, whichever paper they are from, and those of its own file; `empty` is of
    a paper that has none.

    Parameters
    ----------
    settings : mapping
        The configuration at its scale.
    trained : mapping
        By experiment, what its networks are.
    """
    experiments, figures = settings.get("experiments", {}), settings.get("figures", {})
    shown: dict[str, set[str]] = {}
    for figure in figures.values():
        shown.setdefault(figure["paper"], set()).update(figure["experiments"])
    for name, options in experiments.items():
        shown.setdefault(options["paper"], set()).add(name)
    shown.pop("", None)
    return {
        **_part(experiments, trained),
        "papers": {
            paper: _part({name: options for name, options in experiments.items() if name in names}, trained)
            for paper, names in sorted(shown.items())
        },
        "empty": _part({}, {}),
    }


def _part(experiments: Mapping[str, Experiment], trained: Mapping[str, Trained]) -> dict[str, Any]:
    found = Trained()
    for name in experiments:
        found |= trained.get(name, Trained())
    return {
        "experiments": list(experiments),
        "networks": found.networks,
        "diverged": found.diverged,
        "ensembles": found.ensembles,
        "versions": dict(sorted(found.versions.items())),
        "devices": sorted(found.devices),
        "uses": {kind: _used(experiments, of) for kind, of in USES.items()},
        "validation_examples": sorted({options["validation_examples"] for options in experiments.values()}),
        "same_examples": [name for name, options in experiments.items() if options["same_examples"]],
        "at_losses": any(options["checkpoints"]["losses"] for options in experiments.values()),
        "with_momentum": any(
            options["momentum"] > 0 and "momentum" in OPTIMIZERS[options["optimizer"]].alike
            for options in experiments.values()
        ),
    }


def _used(experiments: Mapping[str, Experiment], of: Callable[[Experiment], Iterable[str]]) -> list[Use]:
    """Return the things of a kind, each with the experiments that use it; what most of them use comes first."""
    found: dict[str, list[str]] = {}
    for name, options in experiments.items():
        for thing in of(options):
            found.setdefault(thing, []).append(name)
    ordered = sorted(found.items(), key=lambda entry: -len(entry[1]))
    return [{"name": name, "experiments": users} for name, users in ordered]
