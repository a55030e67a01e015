from dataclasses import asdict

import numpy as np
import pytest
import torch
from problems import CLASSES, SIDE, problem, spec
from torch.nn import functional

from closerlook.nets.mlp.run import MLP
from closerlook.numerics.lass import find_critical
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.regularizers import BLOCK, REGULARIZERS, options_of
from closerlook.regularizers.lass import Options
from closerlook.regularizers.perturbations import Perturbations
from closerlook.regularizers.setting import Batch, Setting
from closerlook.runtime.streams import generator
from closerlook.spec import Checkpoints, Member
from closerlook.things import use
from closerlook.training.epoch import Epoch
from closerlook.training.grouping import growth, plan_stacks
from closerlook.training.stack import Stack
from closerlook.training.trainer import train_ensemble

NETWORK = MLP((1, SIDE, SIDE), (50, 40), CLASSES)
CPU = torch.device("cpu")


def draws(members, batch=20, steps=3, epoch=0):
    perturbations = Perturbations(members, NETWORK, epoch, CPU)
    return [perturbations.next(batch) for _ in range(steps)]


def change(name, strengths, parameters, batch, pixel=1.0, epoch=0, options=None):
    """Return a batch as a regulariser changes it, for members of seeds 4, 5, ..."""
    members = tuple(Member(seed=4 + place, regularizers={name: value}) for place, value in enumerate(strengths))
    scale = torch.ones(len(members))
    setting = Setting(name, options, members, NETWORK, CrossEntropy(), pixel, epoch, scale)
    return REGULARIZERS[name].changes(setting)(parameters, batch)


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


def batch(members=2, examples=10):
    random = torch.Generator().manual_seed(0)
    inputs = torch.randn(members, examples, 1, SIDE, SIDE, generator=random)
    targets = torch.randint(CLASSES, (members, examples), generator=random)
    return NETWORK.initialise(range(members)), Batch(inputs, targets, torch.tensor([[3.0], [5.0]])[:members])


def test_adversarial_raises_the_loss_of_half_the_batch_within_its_radius():
    parameters, clean = batch()
    moved = change("adversarial", (0.005, 0.1), parameters, clean, pixel=2.0)
    assert torch.equal(moved.inputs[:, 5:], clean.inputs[:, 5:])
    distance = (moved.inputs - clean.inputs)[:, :5].abs().flatten(1)
    torch.testing.assert_close(distance.max(1).values, torch.tensor([0.01, 0.2]), rtol=1e-3, atol=1e-6)
    before, after = (
        CrossEntropy().losses(NETWORK.forward(parameters, one.inputs)[0], one.targets)[:, :5] for one in (clean, moved)
    )
    assert (after > before).all()
    assert moved.targets is clean.targets
    assert moved.weight is clean.weight


SEARCH = Options(radius=0.05, step=0.02, noise=0.01, iterations=4)


def test_lass_points_are_those_of_the_search_in_units_of_pixels_with_the_labels_of_the_batch():
    parameters, plain = batch()
    joined = change("lass", (0.25, 1.0), parameters, plain, pixel=2.0, epoch=6, options=SEARCH)
    drawn = [generator("lass", seed, 6) for seed in (4, 5)]
    expected = find_critical(
        NETWORK, parameters, plain.inputs, 0.1, step=0.04, noise=0.02, iterations=4, generators=drawn, drop=False
    )
    assert torch.equal(joined.inputs, torch.cat([plain.inputs, expected.points], dim=1))
    assert 0 < (expected.points - plain.inputs).abs().amax() <= 0.1 + 1e-6
    assert torch.equal(joined.targets, plain.targets.repeat(1, 2))
    assert joined.weight[:, [0, 9, 10, 19]].tolist() == [[2.25, 2.25, 0.75, 0.75], [0, 0, 5, 5]]


def test_a_step_with_lass_follows_the_mixed_loss():
    member = Member(seed=2, learning_rate=0.1, momentum=0.0, regularizers={"lass": 0.3})
    one, data = spec(member, regularizer_options={"lass": asdict(SEARCH)}, widths=(50, 40), batch_size=24), problem(1)
    stack = Stack(one, [0], NETWORK, CrossEntropy(), data)
    before = stack.parameters.clone().requires_grad_()
    epoch = Epoch(stack, 0)
    inputs, labels = data.inputs(epoch.rows), epoch.labels
    drawn = [generator("lass", 2, 0)]
    units = {"step": SEARCH.step * data.pixel, "noise": SEARCH.noise * data.pixel, "iterations": 4, "drop": False}
    found = find_critical(NETWORK, before.detach(), inputs, SEARCH.radius * data.pixel, generators=drawn, **units)
    joined = torch.cat([inputs, found.points], dim=1)
    with torch.no_grad():
        epoch.step(epoch.batches[0])
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
    epoch = Epoch(stack, 0)
    with torch.no_grad():
        epoch.step(epoch.batches[0])
    for site, width in ((1, 50), (2, 40)):
        masks = epoch.perturbations.block["dropout", site]
        assert masks.shape == (1, BLOCK, width, 2 * 5)
        assert 0.4 < (masks[..., :5] == 0).float().mean() < 0.6
        assert 0.4 < (masks[..., 5:] == 0).float().mean() < 0.6


def test_networks_trained_with_lass_have_fewer_critical_training_examples():
    members = [
        Member(seed=seed, learning_rate=0.05, regularizers={"lass": lass}) for lass in (0.0, 0.5) for seed in range(6)
    ]
    search = Options(radius=0.2, step=0.05, noise=0.02, iterations=8)
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


def test_members_are_stacked_by_what_they_use_and_a_step_counts_what_is_added_to_it():
    used = [{}, {"dropout": 0.5}, {"dropout": 0.1}, {"lass": 0.5}, {"dropout": 0.1, "lass": 0.2}]
    one = spec(*(Member(regularizers=each) for each in used), Member(momentum=0.5))
    assert plan_stacks(one, 100, 10, "cpu") == [[0], [1, 2], [3], [4], [5]]
    assert [growth(member) for member in one.members] == [1, 1, 1, 2, 2, 1]


def test_options_of_a_regularizer_are_its_own_and_others_are_refused():
    assert options_of(spec(regularizer_options={"lass": {"iterations": 2}}), "lass") == Options(iterations=2)
    with pytest.raises(ValueError, match=r"regularizer_options\.lass has steps"):
        options_of(spec(regularizer_options={"lass": {"steps": 2}}), "lass")
    with pytest.raises(ValueError, match="no regularizer 'droput'; there are: adversarial, dropout"):
        options_of(spec(), "droput")


OWN = {
    "halving": '''"""Halves the weight of each example's loss, and the inputs of hidden layers."""
from dataclasses import dataclass, replace

from closerlook.regularizers import Perturbs, Regularizer
from closerlook.spec import Positive, Share
from closerlook.things import Look


@dataclass(frozen=True)
class Options:
    """Options of halving."""

    floor: Positive = 0.25
    """the least factor"""


def lighter(setting):
    factor = (1 - setting.strength).clamp_min(setting.options.floor).unsqueeze(1)
    return lambda parameters, batch: replace(batch, weight=batch.weight * factor)


regularizer = Regularizer(
    words="halving", strength=Share, meaning="share taken off", look=Look("#000000", "o"), options=Options,
    changes=lighter,
)
''',
    "doubling": '''"""Masks hidden units by ones."""
from closerlook.regularizers import Perturbs, Regularizer
from closerlook.spec import Share
from closerlook.things import Look

regularizer = Regularizer(
    words="doubling", strength=Share, meaning="none", look=Look("#000000", "o"),
    perturbs=Perturbs(site="hidden", draws="uniform", scale=lambda draws, share: draws.fill_(2.0)),
)
''',
}


def test_a_regularizer_from_an_own_folder_acts_as_it_says(tmp_path):
    (tmp_path / "regularizers").mkdir()
    for name, code in OWN.items():
        (tmp_path / "regularizers" / f"{name}.py").write_text(code)
    use([tmp_path])
    try:
        net = MLP((1, SIDE, SIDE), (8, 6), CLASSES)

        def history(member, **options):
            return train_ensemble(spec(member, **options), net, CrossEntropy(), problem(1)).histories["train_loss"]

        # Without momentum, half the weight of every example is half the learning rate.
        halved = Member(learning_rate=0.2, momentum=0.0, regularizers={"halving": 0.5})
        np.testing.assert_allclose(history(halved), history(Member(learning_rate=0.1, momentum=0.0)), rtol=1e-5)
        floored = history(halved, regularizer_options={"halving": {"floor": 1.0}})
        np.testing.assert_allclose(floored, history(Member(learning_rate=0.2, momentum=0.0)), rtol=1e-5)
        # Two that act on the same site act both: doubled units, half of them dropped, are those of dropout times two.
        both = Perturbations([Member(regularizers={"doubling": 0.1, "dropout": 0.5})], net, 0, CPU).next(5)
        assert set(both.scale[1].unique().tolist()) == {0.0, 4.0}
    finally:
        use([])
