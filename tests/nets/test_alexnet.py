"""The small AlexNet against modules of PyTorch with the same weights, in float64."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from plain_alexnet import alexnet, tensors
from torch.nn import functional

from closerlook import nets, spec
from closerlook.nets import network as network_module
from closerlook.nets.alexnet.run import SmallAlexNet
from closerlook.nets.network import Perturbation
from closerlook.objectives.cross_entropy import CrossEntropy

CLASSES, WIDTHS = 4, (3, 5, 7, 6)
OBJECTIVE = CrossEntropy()


def case(shape=(2, 11, 9), members=2, batch=6, seed=0):
    """Return a network, parameters away from their initial values, modules that share them, inputs and targets."""
    generator = torch.Generator().manual_seed(seed)
    net = SmallAlexNet(shape, WIDTHS, CLASSES)
    parameters = net.initialise(range(members)).double()
    parameters += 0.1 * torch.rand(parameters.shape, generator=generator, dtype=torch.float64)
    models = [alexnet(shape, WIDTHS, CLASSES).double() for _ in range(members)]
    with torch.no_grad():
        for member, model in enumerate(models):
            for name, tensor in tensors(model).items():
                tensor.copy_(net.views(parameters)[name][member])
    inputs = torch.randn(members, batch, *shape, generator=generator, dtype=torch.float64)
    return net, parameters, models, inputs, torch.randint(CLASSES, (members, batch), generator=generator)


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(5, 17), st.integers(5, 17)),
    training=st.booleans(),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=12, deadline=None)
def test_outputs_are_those_of_the_modules_for_any_image(shape, training, seed):
    net, parameters, models, inputs, _ = case(shape, seed=seed)
    outputs, _ = net.forward(parameters, inputs, None, training)
    for own, model, images in zip(outputs, models, inputs, strict=True):
        close(own, model.train(training)(images).T.detach())


@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_those_of_the_modules_and_statistics_have_none(training):
    net, parameters, models, inputs, targets = case()
    outputs, tape = net.forward(parameters, inputs, None, training)
    into = net.views(torch.ones_like(parameters))
    net.backward(tape, OBJECTIVE.gradient(outputs, targets), into, keep=0.0)
    for member, model in enumerate(models):
        model.train(training)
        functional.cross_entropy(model(inputs[member]), targets[member], reduction="sum").backward()
        for name, tensor in tensors(model).items():
            if name in net.statistics:
                assert (into[name][member] == 1).all(), "left alone"
            else:
                close(into[name][member], tensor.grad)


def test_input_gradients_are_those_of_the_modules_in_evaluation():
    net, parameters, models, inputs, targets = case()
    outputs, tape = net.forward(parameters, inputs)
    gradient = net.input_gradient(tape, OBJECTIVE.gradient(outputs, targets))
    for member, model in enumerate(models):
        images = inputs[member].requires_grad_()
        functional.cross_entropy(model.eval()(images), targets[member], reduction="sum").backward()
        close(gradient[member], images.grad)


def test_running_statistics_move_as_the_modules_do_and_only_when_told():
    net, parameters, models, inputs, _ = case()
    before = parameters.clone()
    for _ in range(3):
        _, tape = net.forward(parameters, inputs, None, True)
        assert torch.equal(parameters, before), "a forward pass changes nothing"
        net.update_statistics(parameters, tape)
        before = parameters.clone()
        for model, images in zip(models, inputs, strict=True):
            model.train()(images)
    for member, model in enumerate(models):
        for name, tensor in tensors(model).items():
            close(net.views(parameters)[name][member], tensor.detach())


def test_evaluation_leaves_the_statistics_where_they_are():
    net, parameters, _, inputs, _ = case()
    before = parameters.clone()
    net.update_statistics(parameters, net.forward(parameters, inputs)[1])
    assert torch.equal(parameters, before)


def test_a_member_alone_is_the_member_in_the_stack():
    net, parameters, _, inputs, _ = case(members=3)
    perturbation = Perturbation(
        [torch.rand(3, *site) for site in net.sites(6)], [torch.rand(3, *site) for site in net.sites(6)]
    )
    together, _ = net.forward(parameters, inputs, perturbation, True)
    one = Perturbation(*([part[1:2] for part in parts] for parts in (perturbation.scale, perturbation.shift)))
    assert torch.equal(net.forward(parameters[1:2], inputs[1:2], one, True)[0][0], together[1])


def test_each_site_is_perturbed_where_the_modules_say():
    net, parameters, models, inputs, _ = case(members=1)
    after = (None, 4, 8, 12, 15)  # the module whose output is the site
    for site, place in enumerate(after):
        scale = [None] * len(after)
        scale[site] = torch.rand(1, *net.sites(6)[site], dtype=torch.float64)
        outputs, _ = net.forward(parameters, inputs, Perturbation(scale, [None] * len(after)))
        hidden = inputs[0] * scale[0][0] if site == 0 else inputs[0]
        for index, module in enumerate(models[0].eval()):
            hidden = module(hidden)
            hidden = hidden * scale[site][0] if index == place else hidden
        close(outputs[0], hidden.T.detach())


def test_fresh_networks_normalise_by_nothing_and_have_glorot_weights():
    net = SmallAlexNet((3, 32, 32), (8, 8, 16, 12), 10)
    parts = net.views(net.initialise([5])[0])
    for name, part in parts.items():
        if name.startswith("weight"):
            assert part.abs().max() <= math.sqrt(6 / ((part.shape[0] + part.shape[1]) * math.prod(part.shape[2:])))
            assert part.std() > 0
        else:
            assert (part == (1 if name.startswith(("scale", "running_variance")) else 0)).all(), name


def test_zhang_et_al_count_as_many_parameters():
    """Their Table 1: 1 387 786 with 64 filters, where every layer has a bias and none is normalised."""
    widths = (64, 64, 384, 192)
    net = SmallAlexNet((3, 32, 32), widths, 10)
    weights = sum(math.prod(shape) for name, shape in net.shapes.items() if name.startswith(("weight", "bias")))
    assert weights + sum(widths) == 1_387_786


@pytest.mark.parametrize(
    ("shape", "widths", "line"),
    [
        ((1, 4, 9), WIDTHS, "crops 2 pixels from every side of 4 x 9; it needs 5"),
        ((1, 9, 9), (3, 3), "takes 4 .filters, filters, units, units., not 2"),
    ],
)
def test_impossible_networks_are_refused_in_one_line(shape, widths, line):
    with pytest.raises(ValueError, match=line) as refused:
        SmallAlexNet(shape, widths, CLASSES)
    assert "\n" not in str(refused.value)


def ensemble(**options):
    values = {"dataset": "mnist", "image_size": 14, "examples": 33, "validation_examples": 5, "network": "alexnet"}
    values |= {"widths": WIDTHS, "batch_size": 16, "epochs": 3, "members": (spec.Member(),)}
    return spec.Ensemble(**(values | options))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 1, "with_replacement": True},
        {"examples": 34, "batch_size_schedule": spec.Schedule({1: 2.0625})},
    ],
    ids=["last batch", "every batch", "a later stage"],
)
def test_a_batch_of_one_example_is_refused_before_training(options):
    with pytest.raises(ValueError, match="leave one alone; batch norm needs two"):
        nets.build(ensemble(**options), (1, 14, 14), 10)


@pytest.mark.parametrize(
    "options", [{"examples": 34}, {"examples": 32}, {"with_replacement": True}, {"examples": 33, "batch_size": 40}]
)
def test_larger_last_batches_are_welcome(options):
    assert nets.build(ensemble(**options), (1, 14, 14), 10).widths == WIDTHS


def test_a_network_without_batch_norm_may_have_batches_of_one():
    assert nets.build(ensemble(network="mlp", widths=(4,)), (1, 14, 14), 10).statistics == ()


def hessian_case():
    generator = torch.Generator().manual_seed(1)
    net = SmallAlexNet((1, 6, 6), (1, 1, 3, 2), 2)
    parameters = net.initialise([1, 2]).double()
    parameters += 0.3 * torch.rand(parameters.shape, generator=generator, dtype=torch.float64)
    inputs = torch.randn(2, 9, 1, 6, 6, generator=generator, dtype=torch.float64)
    targets = torch.randint(2, (2, 9), generator=generator)
    vectors = torch.randn(2, 3, net.size, generator=generator, dtype=torch.float64)
    return net, parameters, inputs, targets, vectors


def test_hessian_products_are_those_of_the_trained_parameters_dense_hessian():
    net, parameters, inputs, targets, vectors = hessian_case()
    products = net.hessian_operator(parameters, inputs, targets, OBJECTIVE)(vectors)
    indicator = net.views(torch.zeros(net.size, dtype=torch.float64))
    for name in net.trained:
        indicator[name].fill_(1.0)
    free = torch.cat([part.flatten() for part in indicator.values()]).bool()
    for member in range(2):
        fixed = {name: part[member] for name, part in net.views(parameters).items()}

        def loss(moved, fixed=fixed, member=member):
            named = dict(fixed)
            sizes = [fixed[name].numel() for name in net.trained]
            for name, part in zip(net.trained, moved.split(sizes), strict=True):
                named[name] = part.view_as(fixed[name])
            one = {name: part.unsqueeze(0) for name, part in named.items()}
            outputs = net.outputs(one, inputs[member : member + 1], None, False)
            return OBJECTIVE.losses(outputs, targets[member : member + 1]).mean()

        dense = torch.autograd.functional.hessian(loss, parameters[member, free])
        torch.testing.assert_close(products[member][:, free], vectors[member][:, free] @ dense, rtol=1e-9, atol=1e-12)
        assert (products[member][:, ~free] == 0).all()


def test_chunks_of_examples_do_not_change_hessian_products(monkeypatch):
    net, parameters, inputs, targets, vectors = hessian_case()
    whole = net.hessian_operator(parameters, inputs, targets, OBJECTIVE)(vectors)
    monkeypatch.setitem(network_module.GRAPH_BYTES, "cpu", 4 * 2 * 8 * net.tape_size(1))  # 4, 4 and 1 examples
    seen, outputs = [], net.outputs
    monkeypatch.setattr(net, "outputs", lambda *a: seen.append(a[1].shape[1]) or outputs(*a))
    product = net.hessian_operator(parameters, inputs, targets, OBJECTIVE)
    torch.testing.assert_close(product(vectors), whole, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(product(vectors), whole, rtol=1e-12, atol=1e-14)
    assert seen == [4, 4, 1] * 2
