"""The hand-written Hessian product of MLPs against autograd's and against dense Hessians."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from closerlook.nets.mlp import run as mlp
from closerlook.nets.mlp.run import MLP
from closerlook.nets.network import Network
from closerlook.objectives.cross_entropy import CrossEntropy

OBJECTIVE = CrossEntropy()


def problem(widths=(7, 5), members=3, examples=11, dtype=torch.float64, seed=0):
    """Return a network and everything that its Hessian depends on; biases are not zero."""
    generator = torch.Generator().manual_seed(seed)
    network = MLP((1, 2, 3), widths, 4)
    parameters = torch.randn(members, network.size, generator=generator, dtype=dtype) / 2
    inputs = torch.randn(members, examples, 1, 2, 3, generator=generator, dtype=dtype)
    targets = torch.randint(4, (members, examples), generator=generator)
    vectors = torch.randn(members, 2, network.size, generator=generator, dtype=dtype)
    return network, (parameters, inputs, targets, OBJECTIVE), vectors


@given(
    widths=st.lists(st.integers(1, 9), max_size=3).map(tuple),
    members=st.integers(1, 3),
    examples=st.integers(1, 13),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=40, deadline=None)
def test_agrees_with_double_backward_for_any_shape(widths, members, examples, seed):
    network, arguments, vectors = problem(widths, members, examples, seed=seed)
    by_hand = network.hessian_operator(*arguments)(vectors)
    by_autograd = Network.hessian_operator(network, *arguments)(vectors)
    torch.testing.assert_close(by_hand, by_autograd, rtol=1e-10, atol=1e-13)


def test_agrees_with_the_dense_hessian():
    network, (parameters, inputs, targets, _), vectors = problem(members=2)
    products = network.hessian_operator(parameters, inputs, targets, OBJECTIVE)(vectors)
    for member in range(2):

        def loss(flat, member=member):
            outputs, _ = network.forward(flat[None], inputs[member : member + 1])
            return OBJECTIVE.losses(outputs, targets[member : member + 1]).mean()

        dense = torch.autograd.functional.hessian(loss, parameters[member])
        torch.testing.assert_close(products[member], vectors[member] @ dense, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("kept", [True, False], ids=["tape kept", "tape recomputed"])
def test_unequal_chunks_of_examples_change_nothing(monkeypatch, kept):
    network, arguments, vectors = problem(examples=11)
    whole = network.hessian_operator(*arguments)(vectors)
    # Room for 4 examples of 7 units in 3 members: chunks of 4, 4 and 3.
    monkeypatch.setattr(mlp, "CHUNK_BYTES", 4 * 7 * 3 * 8)
    monkeypatch.setattr(mlp, "TAPE_BYTES", 2**30 if kept else 0)
    calls = []
    forward = network.forward
    monkeypatch.setattr(network, "forward", lambda *a: calls.append(a[1].shape[1]) or forward(*a))
    product = network.hessian_operator(*arguments)
    product(vectors)
    torch.testing.assert_close(product(vectors), whole, rtol=1e-12, atol=1e-15)
    assert calls == [4, 4, 3] * (1 if kept else 2)


def test_inputs_shared_by_expansion_are_as_good_as_copies():
    network, (parameters, inputs, targets, _), vectors = problem()
    shared, labels = inputs[:1].expand_as(inputs), targets[:1].expand_as(targets)
    assert torch.equal(
        network.hessian_operator(parameters, shared, labels, OBJECTIVE)(vectors),
        network.hessian_operator(parameters, shared.contiguous(), labels.contiguous(), OBJECTIVE)(vectors),
    )


def test_an_earlier_result_survives_the_next_product():
    network, arguments, vectors = problem()
    product = network.hessian_operator(*arguments)
    first = product(vectors)
    before = first.clone()
    product(-vectors)
    assert torch.equal(first, before)


def test_float32_is_within_its_rounding():
    network, arguments, vectors = problem((32, 32), examples=50)
    exact = network.hessian_operator(*arguments)(vectors)
    single = tuple(part.float() if torch.is_tensor(part) and part.is_floating_point() else part for part in arguments)
    rounded = network.hessian_operator(*single)(vectors.float())
    assert (rounded - exact).norm() < 1e-6 * exact.norm()
