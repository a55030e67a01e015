"""How large a network of a specification is: its layers, for the images and classes of its data set."""

from __future__ import annotations

from closerlook import nets
from closerlook.data.sets import SETS
from closerlook.nets.architecture import Structure
from closerlook.spec import Ensemble


def network_size(spec: Ensemble) -> Structure:
    """Return what an ensemble's network amounts to, as its layers say."""
    dataset = SETS[spec.dataset]
    classes = spec.examples if spec.own_class else dataset.classes
    return nets.structure(spec, (dataset.image_shape[0], spec.image_size, spec.image_size), classes)
