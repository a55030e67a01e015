"""The adjoint recursion against the unrolled graph, double backward and finite differences."""

from dataclasses import dataclass, replace

import pytest
import torch

from closerlook.nets.mlp.run import MLP
from closerlook.numerics import adjoint, second_order
from closerlook.numerics.adjoint import LaterLoss, input_derivatives, sensitivities
from closerlook.numerics.second_order import AutogradAdjoints
from closerlook.numerics.unrolled import unrolled_derivatives
from closerlook.objectives import OBJECTIVES
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.objectives.offset import OffsetLikelihood

EXAMPLES, SIDE = 12, 3
CLOSE = {"rtol": 1e-9, "atol": 1e-16}


@dataclass
class Run:
    """A training run by autograd, every state kept: what the recursion takes, by other means than the package's."""

    network: MLP
    objective: object
    inputs: torch.Tensor
    labels: torch.Tensor
    batches: list
    rates: list
    states: list

    def backwards(self, stop):
        yield from ((step, self.states[step]) for step in range(stop, -1, -1))

    @property
    def setting(self):
        return self.network, self.objective, self.inputs, self.labels

    def unrolled(self, losses):
        return unrolled_derivatives(self.states[0], self.batches, self.rates, losses, *self.setting)

    def adjoint(self, losses):
        found = self.inputs.new_empty(len(losses), EXAMPLES, SIDE**2)
        for positions, block in input_derivatives(self, losses, *self.setting):
            found[positions] = block.transpose(0, 1)
        return found


def train(
    objective, widths=(7, 5), classes=4, steps=9, rate=0.7, seed=0, inputs=None, labels=None, dtype=torch.float64
):
    generator = torch.Generator().manual_seed(seed)
    network = MLP((1, SIDE, SIDE), widths, classes)
    drawn = torch.randn(EXAMPLES, 1, SIDE, SIDE, generator=generator, dtype=torch.float64)
    inputs = drawn if inputs is None else inputs
    random = torch.randint(classes, (EXAMPLES,), generator=generator)
    labels = random if labels is None else labels
    state = network.initialise([seed])[0].to(dtype)
    # Batches of several sizes, with repeats; the learning rate changes on the way.
    batches = [torch.randint(EXAMPLES, (size,), generator=generator) for size in (4, 5, 3) * -(-steps // 3)][:steps]
    rates = [rate * (1.0, 0.8, 0.5)[step % 3] for step in range(steps)]
    run = Run(network, objective, inputs.to(dtype), labels, batches, rates, [state])
    for batch, step_size in zip(batches, rates, strict=True):
        leaf = run.states[-1].clone().requires_grad_()
        outputs = network.differentiable_outputs(leaf[None], run.inputs[batch][None])
        objective.losses(outputs, labels[batch][None]).mean().backward()
        run.states.append(run.states[-1] - step_size * leaf.grad)
    return run


def later(run, *steps, direct=False):
    return [LaterLoss(step, run.batches[step % len(run.batches)], direct) for step in steps]


@pytest.mark.parametrize("direct", [False, True], ids=["direct path cut", "kept"])
@pytest.mark.parametrize("widths", [(), (6,), (7, 5), (4, 5, 6)], ids=str)
@pytest.mark.parametrize("objective", OBJECTIVES.names())
def test_agrees_with_the_unrolled_graph(objective, widths, direct):
    run = train(OBJECTIVES[objective], widths)
    losses = later(run, 1, 9, 2, 5, direct=direct)
    torch.testing.assert_close(run.adjoint(losses), run.unrolled(losses), **CLOSE)


@pytest.mark.parametrize("steps", [1, 2, 40])
def test_agrees_at_short_and_longer_horizons(steps):
    run = train(OffsetLikelihood(), steps=steps)
    losses = later(run, steps)
    torch.testing.assert_close(run.adjoint(losses), run.unrolled(losses), **CLOSE)


def test_agrees_with_a_class_for_every_example():
    run = train(OffsetLikelihood(), classes=EXAMPLES, labels=torch.arange(EXAMPLES))
    losses = later(run, 4, 9)
    torch.testing.assert_close(run.adjoint(losses), run.unrolled(losses), **CLOSE)


def test_double_backward_agrees_and_serves_networks_that_are_no_mlp(monkeypatch):
    run = train(OffsetLikelihood())
    losses = later(run, 5, 9, 9)
    by_hand = run.adjoint(losses)
    monkeypatch.setattr(adjoint, "MLPAdjoints", AutogradAdjoints)
    torch.testing.assert_close(run.adjoint(losses), by_hand, **CLOSE)


@pytest.mark.parametrize("direct", [False, True], ids=["direct path cut", "kept"])
def test_agrees_with_finite_differences_of_whole_training_runs(direct):
    run, step, size = train(CrossEntropy()), 9, 1e-5
    (loss,) = later(run, step, direct=direct)
    derivatives = run.adjoint([loss])[0].view_as(run.inputs)

    def value(example, shift):
        inputs = run.inputs.clone()
        inputs[example, 0, 1, 2] += shift
        moved = train(CrossEntropy(), inputs=inputs)
        seen = (inputs if direct else run.inputs)[loss.examples]
        outputs = run.network.differentiable_outputs(moved.states[step][None], seen[None])
        return run.objective.losses(outputs, run.labels[loss.examples][None]).mean()

    for example in (0, *loss.examples.tolist()):
        slope = (value(example, size) - value(example, -size)) / (2 * size)
        torch.testing.assert_close(derivatives[example, 0, 1, 2], slope, rtol=1e-6, atol=1e-10)


def test_the_direct_path_can_be_kept_for_some_losses_only():
    run = train(OffsetLikelihood())
    losses = [*later(run, 9, 3, direct=True), *later(run, 9, 3)]
    torch.testing.assert_close(run.adjoint(losses), run.unrolled(losses), **CLOSE)


@pytest.mark.parametrize("room", [1, 3, 100])
def test_small_blocks_and_small_groups_change_nothing(monkeypatch, room):
    run = train(OffsetLikelihood(), steps=8)
    losses = later(run, 7, 1, 8, 2, 8, 4, 8)
    whole = run.unrolled(losses)
    monkeypatch.setitem(second_order.BLOCK_BYTES, "cpu", room * 7 * SIDE**2 * 8)
    torch.testing.assert_close(run.adjoint(losses), whole, **CLOSE)
    in_groups = sensitivities(run, losses, *run.setting, at_once=2)
    torch.testing.assert_close(in_groups, whole.abs().mean(2), **CLOSE)


def test_blocks_hold_losses_of_similar_steps_the_latest_first():
    assert adjoint._blocks([100, 30, 80, 31, 100, 74], most=10) == [[0, 4, 2], [5], [3, 1]]
    assert adjoint._blocks([9, 9, 9, 9, 9], most=2) == [[0, 1], [2, 3], [4]]


def test_losses_of_similar_steps_are_shared_out_evenly():
    assert [len(block) for block in adjoint._blocks([9] * 250, most=83)] == [63, 63, 63, 61]
    assert [len(block) for block in adjoint._blocks([9] * 64, most=62)] == [32, 32]


def test_an_example_that_training_has_not_seen_has_no_part_in_the_loss():
    run = train(CrossEntropy(), steps=2)
    (loss,) = later(run, 2)
    unseen = sorted(set(range(EXAMPLES)) - set(torch.cat(run.batches).tolist()))
    assert unseen
    assert not run.adjoint([loss])[0, unseen].any()


def in_float32(run):
    """Return the run with its states and inputs rounded to float32, and the same numbers in float64."""
    states = [state.float() for state in run.states]
    single = replace(run, inputs=run.inputs.float(), states=states)
    return single, replace(run, inputs=single.inputs.double(), states=[state.double() for state in states])


def test_a_fitted_example_keeps_its_derivative_in_float32(monkeypatch):
    single, double = in_float32(train(CrossEntropy(), widths=(16, 12), steps=800, rate=0.3))
    outputs = double.network.differentiable_outputs(double.states[-1][None], double.inputs[None])
    by_example = double.objective.losses(outputs, double.labels[None])[0]
    losses = [LaterLoss(800, by_example.argmin()[None])]
    assert by_example.min() < 2e-5
    exact = double.adjoint(losses)

    def error():
        return ((single.adjoint(losses) - exact).norm() / exact.norm()).item()

    assert error() < 1e-4
    # With a start in float32 the same recursion has lost it: the test would notice.
    start = adjoint._parameter_gradient

    def rounded(network, objective, parameters, *batch):
        float32 = rounding(objective)
        return start(network, float32, parameters, *batch)

    monkeypatch.setattr(adjoint, "_parameter_gradient", rounded)
    assert error() > 1e-3


def rounding(objective):
    """Return an objective whose gradient is computed in float32, whatever its arguments are."""

    class Rounded(type(objective)):
        def gradient(self, outputs, targets):
            return super().gradient(outputs.float(), targets).double()

    return Rounded()
