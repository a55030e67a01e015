"""The configuration and the claims that the project comes with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from closerlook.config.layers import SCALES
from closerlook.config.reading import Config, read_config
from closerlook.config.yamlfile import read_yaml

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "config.yaml"
CLAIMS = sorted(ROOT.glob("papers/*/claims.yaml"))
"""The papers' files of claims, in the papers' order."""


def shipped() -> dict[str, Any]:
    """Return the configuration as one mapping, the papers' experiments and figures in it: a test may change a copy."""
    raw = read_yaml(CONFIG)
    found: dict[str, Any] = raw | {"papers": [], "experiments": {}, "figures": {}}
    for paper in raw["papers"]:
        for section, entries in read_yaml(ROOT / "papers" / paper / "experiments.yaml").items():
            found[section] |= entries
    return found


def config(scale: str) -> Config:
    """Return the configuration as the project reads it."""
    return read_config(CONFIG, scale)


FIGURES = {figure: options.paper for scale in SCALES for figure, options in config(scale).figures.items()}
"""Every figure -> its paper."""
