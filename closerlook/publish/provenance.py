"""What the results were made from, in one file that the paper quotes: settings, data, versions, devices, counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from closerlook import store
from closerlook.data.sets import PARTS, SETS
from closerlook.publish.wording import Trained, parts, sentences, words
from closerlook.refusal import shown
from closerlook.things import KNOWN_ONCE


def write_provenance(config: str, trained: Sequence[Path], data: Sequence[Path], output: Path) -> None:
    """Write `provenance.json`, with the words for what the papers speak of.

    Parameters
    ----------
    config : str
        The configuration at its scale, as JSON.
    trained : sequence of Path
        Every `trained.h5` of the scale.
    data : sequence of Path
        Every data set used.
    output : Path
        Where the JSON goes. It holds no time and no host: the same inputs give the same bytes.

    Raises
    ------
    closerlook.store.StoreError
        If a file is damaged.
    """
    settings = json.loads(config)
    told = parts(settings, _trained(trained))
    content = {
        "scale": settings["scale"],
        "config": settings,
        "data": {path.stem: _data(path) for path in sorted(data)},
        "words": words(),
        "said": sentences(told["uses"]),
        **told,
    }
    with store.replacing(output) as temporary:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _trained(paths: Sequence[Path]) -> dict[str, Trained]:
    """Return by experiment, whose folder holds those of its ensembles, what the files say of their networks."""
    found: dict[str, Trained] = {}
    for path in paths:
        with store.read(path, "trained") as file:
            diverged = file["outcome/diverged"][:]
            one = Trained(
                networks=len(diverged),
                diverged=int(diverged.sum()),
                ensembles=1,
                versions=json.loads(file.attrs["versions"]),
                devices=frozenset({str(file.attrs["device"])}),
            )
        experiment = path.parents[1].name
        found[experiment] = found.get(experiment, Trained()) | one
    return found


def _data(path: Path) -> dict[str, object]:
    with store.read(path, "data") as file:
        name = str(file.attrs["name"])
        if name not in SETS:
            raise store.StoreError(f"{path}: holds {shown(name)}, a data set that is not known here; {KNOWN_ONCE}")
        dataset = SETS[name]
        return {
            "title": dataset.title,
            "licence": file.attrs["licence"],
            "source": file.attrs["source"],
            "sha256": json.loads(file.attrs["sha256"]),
            "citation": dataset.citation,
            "classes": dataset.classes,
            "training": dataset.training,
            "validation": dataset.validation,
            "published": dataset.published and set(PARTS) <= set(dataset.sha256),
        }
