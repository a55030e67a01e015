"""The replay of training against training itself."""

import pytest
import torch

from closerlook.nets.mlp.run import MLP
from closerlook.objectives import OBJECTIVES
from closerlook.spec import Checkpoints, Ensemble, Member, Schedule
from closerlook.training.replay import ReplayError, Trajectory
from closerlook.training.stack import Problem, Stack
from closerlook.training.trainer import train_ensemble

EXAMPLES, EPOCHS = 22, 10  # batches of 4: six an epoch, the last one smaller where examples are not drawn anew
NETWORK = MLP((1, 2, 2), (5, 4), 3)
PLAIN = {"learning_rate": 0.3, "momentum": 0.0}


def problem(members):
    generator = torch.Generator().manual_seed(0)
    return Problem(
        pool=torch.randn(60, 1, 2, 2, generator=generator),
        rows=torch.stack([torch.randperm(60, generator=generator)[:EXAMPLES] for _ in range(members)]),
        labels=torch.randint(3, (members, EXAMPLES), generator=generator),
        is_noise=torch.zeros(members, EXAMPLES, dtype=torch.bool),
        validation_inputs=torch.randn(2, 1, 2, 2, generator=generator),
        validation_labels=torch.zeros(2, dtype=torch.long),
        pixel=2.0,
    )


def ensemble(*members, **options):
    members = members or (Member(seed=3, **PLAIN), Member(seed=4, **PLAIN))
    kept = Checkpoints(epochs=(0, 1, 4, EPOCHS))
    options = {"checkpoints": kept, "objective": "offset", **options}
    return Ensemble(
        dataset="mnist",
        image_size=2,
        examples=EXAMPLES,
        validation_examples=2,
        network="mlp",
        widths=(5, 4),
        batch_size=4,
        epochs=EPOCHS,
        members=members,
        **options,
    )


def stack_of(spec, number=1):
    return Stack(spec, [number], NETWORK, OBJECTIVES[spec.objective], problem(len(spec.members)))


def checkpoints_of(spec, number=1):
    record = train_ensemble(spec, NETWORK, OBJECTIVES[spec.objective], problem(len(spec.members)))
    return {epoch: torch.from_numpy(record.checkpoints[f"epoch-{epoch}"][number]) for epoch in spec.checkpoints.epochs}


@pytest.mark.parametrize("recompute", [False, True], ids=["all kept", "recomputed"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"with_replacement": True},
        {"learning_rate_schedule": Schedule({2: 0.1, 5: 2.0})},
        {"batch_size_schedule": Schedule({3: 2.5})},
    ],
    ids=["shuffled", "with replacement", "learning rate schedule", "batch size schedule"],
)
def test_passes_by_the_checkpoints_of_training(options, recompute):
    spec = ensemble(**options)
    stored = checkpoints_of(spec)
    trajectory = Trajectory(stack_of(spec), 31, recompute=recompute)
    epochs = {step: epoch for epoch, step in enumerate(trajectory.starts)}
    seen = {epochs[t]: state for t, state in trajectory.backwards(trajectory.steps) if epochs.get(t) in stored}
    assert {0, 1, 4} <= set(seen)
    for epoch, state in seen.items():
        assert torch.equal(state, stored[epoch])


@pytest.mark.parametrize("recompute", [False, True], ids=["all kept", "recomputed"])
@pytest.mark.parametrize("stop", [0, 1, 6, 17, 60])
def test_goes_backwards_through_every_state_from_any_step(stop, recompute):
    trajectory = Trajectory(stack_of(ensemble()), 60, recompute=recompute)
    kept = {}
    for step, state in Trajectory(stack_of(ensemble()), 60).backwards(60):
        kept[step] = state.clone()
    steps = []
    for step, state in trajectory.backwards(stop):
        assert torch.equal(state, kept[step])
        steps.append(step)
    assert steps == list(range(stop, -1, -1))


@pytest.mark.parametrize("with_replacement", [False, True])
def test_an_update_is_a_step_against_the_gradient_of_its_batch(with_replacement):
    spec = ensemble(with_replacement=with_replacement)
    trajectory = Trajectory(stack_of(spec), 12)
    data = problem(2)
    inputs, labels = data.pool[data.rows[1]], data.labels[1]
    states = {step: state.double() for step, state in trajectory.backwards(12)}
    for step, (batch, rate) in enumerate(zip(trajectory.batches, trajectory.rates, strict=True)):
        leaf = states[step].clone().requires_grad_()
        outputs = NETWORK.differentiable_outputs(leaf[None], inputs[batch].double()[None])
        OBJECTIVES["offset"].losses(outputs, labels[batch][None]).mean().backward()
        torch.testing.assert_close(states[step + 1], states[step] - rate * leaf.grad, rtol=0, atol=1e-6)


def test_recomputing_keeps_few_states():
    trajectory = Trajectory(stack_of(ensemble(batch_size_schedule=Schedule())), 60, recompute=True)
    assert trajectory.states is None
    assert len(trajectory.anchors) == 5  # epochs 0, 3, 6 and 9, and the end


def test_a_replay_that_leaves_a_checkpoint_is_refused():
    spec = ensemble()
    stored = checkpoints_of(spec)
    stored[4] = stored[4] * 1.01
    with pytest.raises(ReplayError, match=r"away from checkpoint epoch-4 .*train again on this device") as refusal:
        Trajectory(stack_of(spec), 30, checkpoints=stored)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("factor", ["momentum", "dropout", "weight_decay", "adversarial"])
def test_other_updates_than_plain_sgd_are_refused(factor):
    used = {"momentum": 0.5} if factor == "momentum" else {"regularizers": {factor: 0.5}}
    member = Member(**{**PLAIN, **used})
    with pytest.raises(ReplayError, match=f"this member has {factor} 0.5"):
        Trajectory(stack_of(ensemble(member), 0), 6)


def test_more_updates_than_training_has_are_refused():
    with pytest.raises(ReplayError, match="61 updates are asked for, and training is 60 long"):
        Trajectory(stack_of(ensemble()), 61)
