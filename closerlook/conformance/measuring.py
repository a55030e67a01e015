"""What is tried in a small training from data to file: measures."""

from __future__ import annotations

import h5py
import numpy as np

from closerlook import nets, store
from closerlook.config.options import ExperimentOptions
from closerlook.conformance.small import CLASSES, NAME, SIDE, hold, small, trained, untried
from closerlook.measures import MEASURES
from closerlook.measures.declaration import EXPERIMENT, Work
from closerlook.measures.job import measure
from closerlook.spec import Checkpoints, Member, required
from closerlook.training.replay import Replays


def try_measure(name: str) -> str:
    """Measure a small ensemble twice with the defaults: the file is as declared and the same, its cost a `Work`."""
    declared = MEASURES[name]
    if needed := required(declared.options):
        return untried(needed)
    options = declared.options()
    spec = small((Member(seed=1, momentum=0.0), Member(seed=2, momentum=0.0)), checkpoints=Checkpoints(epochs=(0, 4)))
    if declared.cost:
        structure = nets.structure(spec, (1, SIDE, SIDE), CLASSES)
        sizes = ([spec], [structure]) if declared.over == EXPERIMENT else (spec, structure)
        hold(isinstance(declared.cost(*sizes, options, "cpu"), Work), "cost does not return a Work")
    for need in declared.needs(_experiment(spec), options):
        return f"not tried: {need}"
    with trained(spec) as (folder, source):
        first, second = folder / "first.h5", folder / "second.h5"
        for output in (first, second):
            sources = [source] if declared.over == EXPERIMENT else source
            measure(name, sources, output, options, log=lambda line: None, replays=Replays)
        with store.read(first, name) as one, store.read(second, name) as other:
            one.visititems(lambda part, values: _hold_same(part, values, other))
    return ""


def _hold_same(part: str, values: h5py.Dataset | h5py.Group, other: h5py.File) -> None:
    if isinstance(values, h5py.Dataset):
        equal = np.array_equal(values[()], other[part][()], equal_nan=values.dtype.kind == "f")
        hold(equal, f"it measures another {part} the second time")


def _experiment(spec) -> ExperimentOptions:
    """Return the experiment that the small training is."""
    return ExperimentOptions(
        dataset=(NAME,),
        image_size=spec.image_size,
        examples=(spec.examples,),
        validation_examples=spec.validation_examples,
        width=spec.widths[:1],
        seeds=len(spec.members),
        batch_size=(spec.batch_size,),
        momentum=0.0,
        epochs=spec.epochs,
        checkpoints=spec.checkpoints,
    )
