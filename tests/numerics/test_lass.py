"""The search for critical samples, against independent passes, brute force, closed forms and autograd."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from closerlook.nets.mlp.run import MLP
from closerlook.numerics.lass import find_critical, find_random

SMALL = MLP((3,), (16, 16), 4)
WIDE = MLP((1, 4, 4), (12, 12), 5)
USUAL = {"step": 0.25, "noise": 0.2, "iterations": 10}


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def networks(network: MLP, members: int, scale: float = 3.0) -> torch.Tensor:
    """Untrained but crooked: large weights and biases, so that answers differ within the boxes."""
    random = torch.Generator().manual_seed(1)
    parameters = network.initialise(range(members)) * scale
    return parameters + 0.3 * torch.randn(parameters.shape, generator=random)


def samples(network: MLP, count: int, seed: int = 2) -> torch.Tensor:
    return torch.randn(count, *network.input_shape, generator=torch.Generator().manual_seed(seed))


def answers(network: MLP, parameters: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """The answers of one network by a pass of its own, layer by layer, in double precision."""
    activation = points.flatten(1).double()
    layers = {name: view.double() for name, view in network.views(parameters).items()}
    for layer in range(network.depth):
        activation = torch.nn.functional.linear(activation, layers[f"weight{layer}"], layers[f"bias{layer}"])
        activation = activation.relu() if layer + 1 < network.depth else activation
    return activation.argmax(dim=1)


def search(network, parameters, inputs, radius=0.3, *, seed=0, **options):
    options = {"generators": generators(*range(seed, seed + len(parameters)))} | USUAL | options
    options["step"], options["noise"] = options["step"] * radius / 0.3, options["noise"] * radius / 0.3
    return find_critical(network, parameters, inputs, radius, **options)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    radius=st.floats(0.01, 2),
    drop=st.booleans(),
    gradient=st.sampled_from(["moving", "fixed"]),
    random=st.booleans(),
)
def test_every_critical_sample_has_its_proof_in_the_box(seed, radius, drop, gradient, random):
    parameters, inputs = networks(WIDE, 3), samples(WIDE, 20, seed)
    draws = generators(seed, seed + 1, seed + 2)
    if random:
        found = find_random(WIDE, parameters, inputs, radius, tries=7, generators=draws, drop=drop)
    else:
        found = search(WIDE, parameters, inputs, radius, generators=draws, drop=drop, gradient=gradient)
    assert ((found.points - inputs).abs() <= radius + 1e-6).all()
    for own, points, critical in zip(parameters, found.points, found.critical, strict=True):
        changed = answers(WIDE, own, points) != answers(WIDE, own, inputs)
        assert torch.equal(changed, critical)
    assert torch.equal(found.iterations > 0, found.critical)
    assert found.iterations.max() <= (7 if random else 10)


def grid_search(network: MLP, parameters: torch.Tensor, inputs: torch.Tensor, radius: float, steps: int):
    axis = torch.linspace(-radius, radius, steps)
    grid = torch.cartesian_prod(*[axis] * inputs.shape[1])
    own = answers(network, parameters, inputs)
    return torch.stack(
        [(answers(network, parameters, point + grid) != label).any() for point, label in zip(inputs, own, strict=True)]
    )


@pytest.mark.parametrize("radius", [0.05, 0.15, 0.4])
def test_a_dense_grid_finds_all_that_is_found_and_lass_most_of_it(radius):
    parameters, inputs = networks(SMALL, 1), samples(SMALL, 150)
    grid = grid_search(SMALL, parameters[0], inputs, radius, 31)
    found = search(SMALL, parameters, inputs, radius, iterations=10).critical[0]
    random = find_random(SMALL, parameters, inputs, radius, tries=10, generators=generators(0)).critical[0]
    assert 0.05 < grid.float().mean() < 0.95
    # What lies between the points of the grid may be found besides: one sample at the most.
    assert (found & ~grid).sum() <= 1
    assert (random & ~grid).sum() <= 1
    assert found.sum() >= random.sum()
    assert found.sum() >= 0.9 * grid.sum()


def test_lass_finds_far_more_than_random_search_in_many_dimensions():
    network = MLP((1, 10, 10), (32,), 10)
    parameters, inputs = networks(network, 2, scale=1.0), samples(network, 200)
    lass = search(network, parameters, inputs, 0.02).critical.float().mean()
    random = find_random(network, parameters, inputs, 0.02, tries=10, generators=generators(0, 1))
    assert 0 < random.critical.float().mean() < 0.5 * lass < 0.5


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), gradient=st.sampled_from(["moving", "fixed"]))
def test_a_linear_networks_critical_radius_is_its_margin_over_the_l1_norm(seed, gradient):
    network = MLP((6,), (), 2)
    random = torch.Generator().manual_seed(seed)
    parameters = torch.randn(1, network.size, generator=random)
    inputs = torch.randn(30, 6, generator=random)
    layers = network.views(parameters[0])
    weight = layers["weight0"][0] - layers["weight0"][1]
    margin = (inputs @ weight + layers["bias0"][0] - layers["bias0"][1]).abs()
    critical = margin / weight.abs().sum()
    critical = torch.where(critical < 1e-4, 1e-4, critical)  # there float32 does not tell inside from outside
    crossable = critical > 1e-4
    for factor, expected in ((0.999, torch.zeros_like(crossable)), (1.001, crossable)):
        radius = factor * critical  # a member for each sample, so that each has its own radius
        found = find_critical(
            network, parameters.expand(30, -1), inputs[:, None], radius, step=radius / 3, noise=0.0, iterations=4,
            gradient=gradient, drop=False, generators=generators(*range(30)),
        )  # fmt: skip
        assert torch.equal(found.critical[crossable, 0], expected[crossable])


def plain_lass(network, parameters, inputs, radius, step, noise, normals, moving):
    """Algorithm 1 for one network and one sample at a time, with autograd's gradient of torch's cross-entropy."""
    critical, parameters, inputs = [], parameters.double(), inputs.double()
    for number, sample in enumerate(inputs):
        label = network.differentiable_outputs(parameters, sample[None, None]).argmax(dim=1)
        point, found = sample, 0
        for iteration, eta in enumerate(normals[number : number + 10], start=1):
            at = (point if moving else sample).clone().requires_grad_()
            loss = torch.nn.functional.cross_entropy(network.differentiable_outputs(parameters, at[None, None]), label)
            (gradient,) = torch.autograd.grad(loss, at)
            point = point + step * gradient.sign() + noise * eta
            point = point.clamp(sample - radius, sample + radius)
            if network.differentiable_outputs(parameters, point[None, None]).argmax(dim=1) != label:
                found = iteration
                break
        critical.append(found)
    return torch.tensor(critical)


@pytest.mark.parametrize("drop", [True, False])
@pytest.mark.parametrize("gradient", ["moving", "fixed"])
def test_it_is_the_algorithm_as_a_plain_loop_takes_it(gradient, drop):
    parameters, inputs = networks(WIDE, 2), samples(WIDE, 60)
    radius, step, noise = torch.tensor([0.05, 0.1]), torch.tensor([0.02, 0.05]), torch.tensor([0.03, 0.02])
    found = find_critical(
        WIDE, parameters, inputs, radius, step=step, noise=noise, iterations=10, gradient=gradient, drop=drop,
        generators=generators(7, 8),
    )  # fmt: skip
    for member, seed in enumerate((7, 8)):
        normals = torch.randn(69, *WIDE.input_shape, generator=generators(seed)[0])
        expected = plain_lass(
            WIDE, parameters[member : member + 1], inputs, radius[member], step[member], noise[member], normals,
            gradient == "moving",
        )  # fmt: skip
        assert torch.equal(found.iterations[member], expected)
        assert len(expected.unique()) > 3


def test_the_moving_gradient_turns_and_the_fixed_one_does_not():
    parameters, inputs = networks(SMALL, 1), samples(SMALL, 400)
    shifts = {}
    for gradient in ("moving", "fixed"):
        found = search(SMALL, parameters, inputs, 0.3, noise=0.0, step=0.06, iterations=4, gradient=gradient)
        shifts[gradient] = (found.points - inputs)[0]
        assert found.iterations.max() > 1
    # The fixed one goes straight: each coordinate has moved as far as any other, or not at all.
    straight = shifts["fixed"].abs().sort(dim=1).values
    torch.testing.assert_close(straight[:, 0], straight[:, 2], rtol=0, atol=2e-6)
    turned = shifts["moving"].abs().sort(dim=1).values
    assert ((turned[:, 2] - turned[:, 0]) > 0.01).any()


@pytest.mark.parametrize("drop", [True, False])
def test_a_members_result_is_the_same_alone_and_in_a_stack(drop):
    parameters = networks(WIDE, 4)
    inputs = torch.stack([samples(WIDE, 40, seed) for seed in range(4)])
    radius = torch.tensor([0.05, 0.3, 0.1, 0.02])
    options = {"step": 0.8 * radius, "noise": 0.6 * radius, "iterations": 8}
    stacked = find_critical(WIDE, parameters, inputs, radius, generators=generators(5, 6, 7, 8), drop=drop, **options)
    for member in (0, 2, 3):
        part = slice(member, member + 1)
        own = {name: value[part] if name != "iterations" else value for name, value in options.items()}
        alone = find_critical(
            WIDE, parameters[part], inputs[part], radius[part], generators=generators(5 + member), drop=drop, **own
        )
        assert torch.equal(alone.points, stacked.points[part])
        assert torch.equal(alone.iterations, stacked.iterations[part])


def test_shared_samples_are_those_of_every_member_and_equal_seeds_share_their_noise():
    parameters, inputs = networks(WIDE, 1).expand(2, -1), samples(WIDE, 30)
    shared = search(WIDE, parameters, inputs, generators=generators(4, 4))
    repeated = search(WIDE, parameters, inputs.expand(2, *inputs.shape), generators=generators(4, 4))
    assert torch.equal(shared.points, repeated.points)
    assert torch.equal(shared.points[0], shared.points[1])
    other = search(WIDE, parameters, inputs, generators=generators(4, 5))
    assert not torch.equal(other.points[0], other.points[1])


def test_chunks_of_samples_take_their_own_rows_of_the_noise(monkeypatch):
    parameters, inputs = networks(WIDE, 2), samples(WIDE, 50)
    whole = search(WIDE, parameters, inputs)
    monkeypatch.setattr("closerlook.numerics.lass.LASS_CHUNK", 16)
    chunked = search(WIDE, parameters, inputs)
    assert torch.equal(chunked.iterations, whole.iterations)
    torch.testing.assert_close(chunked.points, whole.points)


def test_a_sure_network_is_searched_as_well_as_a_hesitant_one():
    """With outputs times 1000 the softmax rounds to 0 and 1; the answers are the same everywhere."""
    parameters, inputs = networks(WIDE, 1), samples(WIDE, 100)
    sure = parameters.clone()
    for part in ("weight2", "bias2"):
        WIDE.views(sure)[part].mul_(1000)
    hesitant = search(WIDE, parameters, inputs, 0.1).critical.float().mean()
    assert search(WIDE, sure, inputs, 0.1).critical.float().mean() >= 0.9 * hesitant > 0.1


def test_random_tries_are_corners_all_different():
    linear = MLP((40,), (), 2)
    parameters = torch.zeros(1, linear.size)
    linear.views(parameters)["bias0"][:] = torch.tensor([1.0, 0.0])  # nothing is critical: every try is looked at
    looked = []
    original = linear.forward
    linear.forward = lambda own, inputs: looked.append(inputs) or original(own, inputs)
    inputs = samples(linear, 5)
    find_random(linear, parameters, inputs, 0.5, tries=6, generators=generators(0))
    corners = torch.stack([points[0] - inputs for points in looked[1:]])
    torch.testing.assert_close(corners.abs(), torch.full_like(corners, 0.5))
    for first, second in itertools.combinations(corners.unbind(0), 2):
        assert ((first * second) > 0).float().mean(dim=1).sub(0.5).abs().max() < 0.35  # 40 fair coins: 4.4 sigma


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gradient": "both"}, "gradient is 'both'; allowed are moving, fixed"),
        ({"iterations": 0}, "iterations is 0; at least 1 is needed"),
        ({"generators": generators(1)}, "1 generators for 2 members"),
    ],
)
def test_impossible_requests_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        search(WIDE, networks(WIDE, 2), samples(WIDE, 3), **options)
