"""The sizes that costs are reckoned with, against the networks themselves and what torch counts."""

import math
from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from closerlook import nets
from closerlook.data.sets import SETS
from closerlook.planning.sizes import network_size
from closerlook.spec import Ensemble, Member

MLP = Ensemble(
    dataset="mnist",
    image_size=14,
    examples=60,
    validation_examples=10,
    network="mlp",
    widths=(24, 16),
    batch_size=20,
    epochs=4,
    members=(Member(),),
)
SPECS = {
    "mlp": MLP,
    "own class": replace(MLP, own_class=True),
    "alexnet": replace(MLP, network="alexnet", widths=(6, 4, 5, 3)),
    "alexnet on colour": replace(MLP, dataset="cifar10", image_size=32, network="alexnet", widths=(5, 4, 7, 3)),
    "alexnet with odd maps": replace(MLP, network="alexnet", image_size=7, widths=(3, 4, 7, 3)),
}


@pytest.fixture(params=SPECS)
def case(request):
    spec = SPECS[request.param]
    channels = SETS[spec.dataset].image_shape[0]
    classes = spec.examples if spec.own_class else 10
    return network_size(spec), nets.build(spec, (channels, spec.image_size, spec.image_size), classes)


def test_parameters_and_activations_are_those_of_the_network(case):
    size, network = case
    assert size.parameters == network.size
    assert size.tensors == len(network.shapes)
    assert size.sites == sum(map(math.prod, network.sites(1)))
    assert size.tape == network.tape_size(1)
    assert size.inputs == math.prod(network.sites(1)[0])


def test_products_are_those_that_torch_counts(case):
    size, network = case
    parameters = network.initialise([0])
    with FlopCounterMode(display=False) as counter:
        outputs, _ = network.forward(parameters, torch.randn(1, 3, *network.sites(1)[0][1:]))
    assert counter.get_total_flops() == 2 * 3 * size.products
    assert outputs.shape[1] == size.classes
