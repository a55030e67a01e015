"""What the results were made from, in one file that the paper quotes: settings, data, versions, devices, counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from closerlook import store
from closerlook.data.noise import NOISES
from closerlook.data.sets import SETS
from closerlook.nets import NETS
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
    networks, diverged, versions, devices = 0, 0, {}, set()
    for path in trained:
        with store.read(path, "trained") as file:
            networks += len(file["outcome/diverged"])
            diverged += int(file["outcome/diverged"][:].sum())
            versions |= json.loads(file.attrs["versions"])
            devices.add(file.attrs["device"])
    content = {
        "scale": settings["scale"],
        "config": settings,
        "data": {path.stem: _data(path) for path in sorted(data)},
        "networks": networks,
        "diverged": diverged,
        "ensembles": len(trained),
        "versions": versions,
        "devices": sorted(devices),
        "words": words(),
    }
    with store.replacing(output) as temporary:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def words() -> dict[str, dict[str, str]]:
    """Return what the papers call each data set, kind of noise and network."""
    return {
        "data": {name: SETS[name].title for name in SETS.names()},
        "noise": {name: NOISES[name].words for name in NOISES.names()},
        "network": {name: NETS[name].words for name in NETS.names()},
    }


def _data(path: Path) -> dict[str, object]:
    with store.read(path, "data") as file:
        name = str(file.attrs["name"])
        if name not in SETS:
            raise store.StoreError(f"{path}: holds {shown(name)}, a data set that is not known here; {KNOWN_ONCE}")
        return {
            "title": SETS[name].title,
            "licence": file.attrs["licence"],
            "source": file.attrs["source"],
            "sha256": json.loads(file.attrs["sha256"]),
        }
