import pytest
import torch
from problems import CLASSES, SIDE

from closerlook.nets.mlp import MLP
from closerlook.spec import Member
from closerlook.training.objectives import CrossEntropy
from closerlook.training.regularizers import BLOCK, Perturbations, active, attack

NETWORK = MLP((1, SIDE, SIDE), (50, 40), CLASSES)
CPU = torch.device("cpu")


def draws(members, batch=20, steps=3, epoch=0):
    perturbations = Perturbations(members, NETWORK, epoch, CPU)
    return [perturbations.next(batch) for _ in range(steps)]


def test_active_names_what_is_on():
    assert active(Member(dropout=0.1, adversarial=0.2)) == ("dropout", "adversarial")
    assert active(Member()) == ()


def test_without_regularizers_nothing_is_drawn():
    assert draws([Member(), Member(weight_decay=0.1)][:1]) == [None] * 3


@pytest.mark.parametrize("share", [0.25, 0.7])
def test_dropout_drops_its_share_of_hidden_units_and_keeps_the_mean(share):
    masks = torch.stack([one.scale[site].mean() for one in draws([Member(dropout=share)], steps=40) for site in (1, 2)])
    assert masks.mean().item() == pytest.approx(1, abs=0.03)
    one = draws([Member(dropout=share)])[0]
    assert one.scale[1].unique().tolist() == pytest.approx([0, 1 / (1 - share)])
    assert one.scale[0] is None, "the input is left alone"
    assert one.shift == [None, None, None]


def test_input_dropout_acts_on_the_input_only():
    one = draws([Member(input_dropout=0.5)])[0]
    assert one.scale[0].shape == (1, 20, 1, SIDE, SIDE)
    assert one.scale[1:] == [None, None]


def test_gaussian_noises_have_their_standard_deviation():
    one = draws([Member(input_noise=0.5, hidden_noise=2.0)], batch=200)[0]
    assert one.shift[0].std().item() == pytest.approx(0.5, rel=0.05)
    assert one.shift[1].std().item() == pytest.approx(2.0, rel=0.05)
    assert one.scale == [None, None, None]


def test_a_member_draws_the_same_alone_and_in_company_and_anew_each_step_and_epoch():
    lone, company = [Member(seed=3, dropout=0.5)], [Member(seed=1, dropout=0.2), Member(seed=3, dropout=0.5)]
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
