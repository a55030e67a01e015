"""The paper compiles from any folder of results, to the same bytes, and says in one line what is missing."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from closerlook.claims import judge
from closerlook.config import read_config
from closerlook.figures import capacity, convergence, regularizers, sharpness
from closerlook.figures.tables import checkpoint_words, read_table, write_table
from closerlook.plan import Plan
from closerlook.typesetting import PaperError, typeset

ROOT = Path(__file__).parents[1]
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" width="504" height="280"><rect width="504" height="280" fill="#eee"/></svg>'


def networks(plan: Plan, experiments: list[str]) -> pd.DataFrame:
    """Return a row per network of the experiments: what it is, and a difficulty that grows with its noise."""
    rows = [
        {
            "dataset": ensemble.dataset,
            "image_size": ensemble.image_size,
            "examples": ensemble.examples,
            "width": ensemble.widths[0],
            "epochs": ensemble.epochs,
            **vars(member),
            "diverged": False,
        }
        for experiment in experiments
        for ensemble in plan.ensembles[experiment].values()
        for member in ensemble.members
    ]
    table = pd.DataFrame(rows)
    rng = np.random.default_rng(0)
    hard = table["level"] * table["noise"].map({"none": 0, "randX": 0.6, "randXg": 0.4, "randY": 1.0})
    return table.assign(hard=hard, wobble=rng.normal(0, 0.03, len(table)))


def tables(plan: Plan) -> dict[str, pd.DataFrame]:
    """Return plausible tables of every figure, in the columns of the figures' own modules."""
    figures = plan.config.figures
    one = networks(plan, figures["capacity"].experiments)
    ease = np.clip(one["width"] / (one["width"].max() * (0.1 + one["hard"])), 0.05, 1)
    one = one.assign(
        best_train_accuracy=np.where(ease < 1, 0.9 * ease, 1.0),
        best_validation_accuracy=0.9 - 0.3 * one["hard"] + 0.05 * ease + 0.1 * one["wobble"],
        fit_epoch=np.where(ease < 1, np.nan, 9),
    )
    one["final_validation_accuracy"] = one["best_validation_accuracy"] - 0.01
    two = networks(plan, figures["convergence"].experiments)
    fast = two["dataset"].eq("fashion") & two["noise"].str.startswith("randX")
    time = np.exp(1.5 + np.where(fast, -two["hard"], two["hard"]) + two["wobble"]) * (two["examples"] / two["width"]) ** 0.4
    two = two.assign(epochs_to_fit=time.round().clip(1).where(time < two["epochs"]))
    two = two.assign(fitted=two["epochs_to_fit"].notna())
    options = plan.config.experiments[figures["sharpness"].experiments[0]].checkpoints
    names = [*(f"epoch-{epoch}" for epoch in options.epochs), *(f"loss-{loss:g}" for loss in options.losses)]
    base = networks(plan, figures["sharpness"].experiments)
    three = pd.concat([base.assign(checkpoint=name, at=checkpoint_words(name)) for name in names])
    sign = np.where(three["checkpoint"].str.startswith("loss"), -1, 1)
    size = np.exp(sign * three["hard"] + three["wobble"])
    three = three.assign(
        largest_eigenvalue=3 * size, residual=0.001, converged=True, trace=30 * size**2, trace_stderr=size,
        frobenius=5 * size, frobenius_stderr=0.2, loss=0.1,
    )  # fmt: skip
    four = networks(plan, figures["regularizers"].experiments)
    strengths = four[list(regularizers.REGULARIZERS.values())].to_numpy(float)
    which = np.where(strengths.any(axis=1), strengths.argmax(axis=1) + 1, 0)
    four = four.assign(
        regularizer=np.array(["none", *regularizers.REGULARIZERS])[which],
        strength=strengths.max(axis=1),
        final_train_accuracy=1 - 0.4 * (which > 0) * (four["noise"] != "none"),
        best_validation_accuracy=0.9 + 0.1 * four["wobble"],
        final_validation_accuracy=0.89,
    )
    return {
        "capacity": one[list(capacity.COLUMNS)].assign(source="run"),
        "convergence": two[list(convergence.COLUMNS)].assign(source="run"),
        "sharpness": three[list(sharpness.COLUMNS)],
        "regularizers": four[list(regularizers.COLUMNS)],
    }


def provenance(plan: Plan) -> dict[str, object]:
    """Return what closerlook.provenance writes, for networks that were never trained."""
    data = {
        name: {"title": name, "licence": "MIT", "source": "a mirror", "sha256": {"train/images": "0123456789abcdef" * 4}}
        for name in ("fashion", "mnist")
    }
    return {
        "scale": plan.scale,
        "config": json.loads(plan.config.model_dump_json()),
        "data": data,
        "networks": plan.networks(),
        "diverged": 0,
        "ensembles": sum(map(len, plan.ensembles.values())),
        "versions": {"torch": "2.13.0", "numpy": "2.4.6", "h5py": "3.16.0"},
        "devices": ["cpu (x86_64)"],
    }


def build(folder: Path, scale: str) -> Path:
    """Copy the paper's sources into a folder and put synthetic results of a scale beside them; return the results."""
    shutil.copytree(ROOT / "paper", folder / "paper")
    results = folder / "results" / scale
    plan = Plan(read_config(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")), scale))
    for name, table in tables(plan).items():
        write_table(table, results / "tables" / f"{name}.csv")
        (results / "figures").mkdir(exist_ok=True)
        (results / "figures" / f"{name}.svg").write_text(DRAWING)
    paths = {path.stem: path for path in (results / "tables").iterdir()}
    judge(ROOT / "claims.yaml", paths, results / "claims.json", scale)
    (results / "provenance.json").write_text(json.dumps(provenance(plan)))
    return results
