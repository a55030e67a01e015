"""Batch normalisation against the modules of PyTorch, in float64."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from closerlook.nets.architecture import Layer, normalized
from closerlook.nets.normalization import normalize


def fresh(channels):
    layer = normalized(Layer({}), 0, channels)
    return {
        name: torch.full(shape, float(name in layer.ones), dtype=torch.float64)
        for name, shape in layer.parameters.items()
    }


@given(
    channels=st.integers(1, 4),
    batches=st.lists(st.integers(2, 9), min_size=1, max_size=5),
    sides=st.sampled_from([(), (3, 2)]),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=25, deadline=None)
def test_training_then_evaluation_is_that_of_the_modules(channels, batches, sides, seed):
    generator = torch.Generator().manual_seed(seed)
    module = (nn.BatchNorm2d if sides else nn.BatchNorm1d)(channels).double()
    ours = fresh(channels)
    for size in batches:
        values = torch.randn(size, channels, *sides, generator=generator, dtype=torch.float64) * 3 + 1
        torch.testing.assert_close(normalize(ours, 0, values, True), module(values).detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours["running_mean0"], module.running_mean, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(ours["running_variance0"], module.running_var, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(
        normalize(ours, 0, values, False), module.eval()(values).detach(), rtol=1e-12, atol=1e-12
    )


def test_running_statistics_move_a_tenth_of_the_way_to_the_unbiased_ones():
    ours, values = fresh(1), torch.tensor([[1.0], [2.0], [6.0]], dtype=torch.float64)
    normalize(ours, 0, values, True)
    assert ours["running_mean0"].item() == pytest.approx(0.1 * 3)
    assert ours["running_variance0"].item() == pytest.approx(0.9 + 0.1 * 7)


def test_a_single_value_a_channel_is_refused_in_training_only():
    values = torch.ones(1, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        normalize(fresh(3), 0, values, True)
    torch.testing.assert_close(normalize(fresh(3), 0, values, False), values, rtol=1e-5, atol=0)
