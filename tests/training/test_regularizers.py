from dataclasses import asdict

import pytest
import torch
from problems import CLASSES, SIDE, problem, spec
from torch.nn import functional

from closerlook.nets.mlp.run import MLP
from closerlook.numerics.lass import find_critical
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.regularizers import Lass
from closerlook.regularizers.perturbations import BLOCK, LassPoints, Perturbations, active, attack
from closerlook.runtime.streams import generator
from closerlook.spec import Checkpoints, Member
from closerlook.training.stack import Stack
from closerlook.training.trainer import train_ensemble

NETWORK = MLP((1, SIDE, SIDE), (50, 40), CLASSES)
CPU = torch.device("cpu")


def draws(members, batch=20, steps=3, epoch=0):
    perturbations = Perturbations(members, NETWORK, epoch, CPU)
    return [perturbations.next(batch) for _ in range(steps)]


def test_active_names_what_is_on():
    assert active(Member(regularizers={"dropout": 0.1, "adversarial": 0.2})) == ("adversarial", "dropout")
    assert active(Member(regularizers={"lass": 0.5})) == ("lass",)
    assert active(Member()) == ()


def test_without_regularizers_nothing_is_drawn():
    assert draws([Member(), Member(regularizers={"weight_decay": 0.1})][:1]) == [None] * 3


@pytest.mark.parametrize("share", [0.25, 0.7])
def test_dropout_drops_its_share_of_hidden_units_and_keeps_the_mean(share):
    masks = torch.stack(
        [
            one.scale[site].mean()
            for one in draws([Member(regularizers={"dropout": share})], steps=40)
            for site in (1, 2)
        ]
    )
    assert masks.mean().item() == pytest.approx(1, abs=0.03)
    one = draws([Member(regularizers={"dropout": share})])[0]
    assert one.scale[1].unique().tolist() == pytest.approx([0, 1 / (1 - share)])
    assert one.scale[0] is None, "the input is left alone"
    assert one.shift == [None, None, None]


def test_input_dropout_acts_on_the_input_only():
    one = draws([Member(regularizers={"input_dropout": 0.5})])[0]
    assert one.scale[0].shape == (1, 20, 1, SIDE, SIDE)
    assert one.scale[1:] == [None, None]


def test_gaussian_noises_have_their_standard_deviation():
    one = draws([Member(regularizers={"input_noise": 0.5, "hidden_noise": 2.0})], batch=200)[0]
    assert one.shift[0].std().item() == pytest.approx(0.5, rel=0.05)
    assert one.shift[1].std().item() == pytest.approx(2.0, rel=0.05)
    assert one.scale == [None, None, None]


def test_a_member_draws_the_same_alone_and_in_company_and_anew_each_step_and_epoch():
    lone, company = (
        [Member(seed=3, regularizers={"dropout": 0.5})],
        [Member(seed=1, regularizers={"dropout": 0.2}), Member(seed=3, regularizers={"dropout": 0.5})],
    )
    steps = BLOCK + 2
    alone, together = draws(lone, steps=steps), draws(company, steps=steps)
    for one, both in zip(alone, together, strict=True):
        assert torch.equal(one.scale[1][0], both.scale[1][1])
    assert len({one.scale[1].numpy().tobytes() for one in alone}) == steps
    assert not torch.equal(alone[0].scale[1], draws(lone, epoch=1)[0].scale[1])


def test_attack_raises_the_loss_of_half_the_batch_within_its_radius():
    generator = torch.Generator().manual_seed(0)
    parameters = NETWORK.initialise([1, 2])
    inputs = torch.randn(2, 10, 1, SIDE, SIDE, generator=generator)
    targets = torch.randint(CLASSES, (2, 10), generator=generator)
    radius, objective = torch.tensor([0.01, 0.2]), CrossEntropy()
    moved = attack(NETWORK, parameters, inputs, targets, radius, objective)
    assert torch.equal(moved[:, 5:], inputs[:, 5:])
    distance = (moved - inputs)[:, :5].abs().flatten(1)
    torch.testing.assert_close(distance.max(1).values, radius, rtol=1e-3, atol=1e-6)
    before, after = (objective.losses(NETWORK.forward(parameters, x)[0], targets)[:, :5] for x in (inputs, moved))
    assert (after > before).all()


SEARCH = Lass(radius=0.05, step=0.02, noise=0.01, iterations=4)


def batch(members=2, examples=10):
    random = torch.Generator().manual_seed(0)
    inputs = torch.randn(members, examples, 1, SIDE, SIDE, generator=random)
    return NETWORK.initialise(range(members)), inputs, torch.randint(CLASSES, (members, examples), generator=random)


def test_lass_points_are_those_of_the_search_in_units_of_pixels_with_the_labels_of_the_batch():
    parameters, inputs, targets = batch()
    members, pixel, weight = (
        [Member(seed=4, regularizers={"lass": 0.25}), Member(seed=7, regularizers={"lass": 1.0})],
        2.0,
        torch.tensor([[3.0], [5.0]]),
    )
    joined, labels, weights = LassPoints(members, SEARCH, pixel, 6, CPU).join(
        NETWORK, parameters, inputs, targets, weight
    )
    drawn = [generator("lass", member.seed, 6) for member in members]
    expected = find_critical(
        NETWORK, parameters, inputs, 0.1, step=0.04, noise=0.02, iterations=4, generators=drawn, drop=False
    )
    assert torch.equal(joined, torch.cat([inputs, expected.points], dim=1))
    assert 0 < (expected.points - inputs).abs().amax() <= 0.1 + 1e-6
    assert torch.equal(labels, targets.repeat(1, 2))
    assert weights[:, [0, 9, 10, 19]].tolist() == [[2.25, 2.25, 0.75, 0.75], [0, 0, 5, 5]]


def test_a_step_with_lass_follows_the_mixed_loss():
    member = Member(seed=2, learning_rate=0.1, momentum=0.0, regularizers={"lass": 0.3})
    one, data = spec(member, regularizer_options={"lass": asdict(SEARCH)}, widths=(50, 40), batch_size=24), problem(1)
    stack = Stack(one, [0], NETWORK, CrossEntropy(), data)
    before = stack.parameters.clone().requires_grad_()
    stack.begin_epoch(0)
    inputs, labels = data.inputs(stack.epoch_rows), stack.epoch_labels
    joined, _, _ = LassPoints([member], SEARCH, data.pixel, 0, CPU).join(
        NETWORK, before.detach(), inputs, labels, torch.ones(1, 1)
    )
    with torch.no_grad():
        stack.step(0)
    layers, losses = NETWORK.views(before[0]), []
    for points in joined[0].flatten(1).split(24):
        for layer in range(3):
            points = functional.linear(points.relu() if layer else points, *(layers[f"{n}{layer}"] for n in PARTS))
        losses.append(functional.cross_entropy(points, labels[0]))
    (gradient,) = torch.autograd.grad(0.7 * losses[0] + 0.3 * losses[1], before)
    torch.testing.assert_close(stack.parameters, before.detach() - 0.1 * gradient, rtol=1e-5, atol=1e-7)


PARTS = ("weight", "bias")


def test_dropout_falls_on_the_batch_and_on_its_lass_points_alike():
    member = Member(regularizers={"dropout": 0.5, "lass": 0.5})
    stack = Stack(
        spec(member, regularizer_options={"lass": asdict(SEARCH)}, widths=(50, 40)),
        [0],
        NETWORK,
        CrossEntropy(),
        problem(1),
    )
    stack.begin_epoch(0)
    with torch.no_grad():
        stack.step(0)
    for site, width in ((1, 50), (2, 40)):
        masks = stack.perturbations.block["dropout", site]
        assert masks.shape == (1, BLOCK, width, 2 * 5)
        assert 0.4 < (masks[..., :5] == 0).float().mean() < 0.6
        assert 0.4 < (masks[..., 5:] == 0).float().mean() < 0.6


def test_networks_trained_with_lass_have_fewer_critical_training_examples():
    members = [
        Member(seed=seed, learning_rate=0.05, regularizers={"lass": lass}) for lass in (0.0, 0.5) for seed in range(6)
    ]
    search = Lass(radius=0.2, step=0.05, noise=0.02, iterations=8)
    one = spec(
        *members,
        regularizer_options={"lass": asdict(search)},
        widths=(50, 40),
        epochs=40,
        checkpoints=Checkpoints((40,)),
    )
    data = problem(len(members))
    kept = train_ensemble(one, NETWORK, CrossEntropy(), data)
    found = find_critical(
        NETWORK,
        torch.from_numpy(kept.checkpoints["epoch-40"]),
        data.pool,
        search.radius * data.pixel,
        step=search.step * data.pixel,
        noise=search.noise * data.pixel,
        iterations=search.iterations,
        generators=[torch.Generator().manual_seed(0) for _ in members],
    )
    plain, robust = found.critical.float().mean(dim=1).split(6)
    assert (robust < plain).all(), (plain, robust)
