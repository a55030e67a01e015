"""Block Lanczos on matrices whose spectrum is known."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from closerlook.numerics import lanczos
from closerlook.numerics.lanczos import largest_eigenvalues


def gaussian(seed, size):
    """Return a `Draw` of one generator; in two or three dimensions, random signs would often be parallel."""
    generator = torch.Generator().manual_seed(seed)
    return lambda members, count: torch.randn(len(members), count, size, generator=generator, dtype=torch.float64)


def search(matrices, start=None, seed=0, **options):
    """Run on a stack of dense symmetric matrices; return pairs, subspace, and the products that were asked for."""
    size = matrices.shape[1]
    draw = gaussian(seed, size)
    asked = []

    def products(vectors, members):
        asked.append(members.tolist())
        return vectors @ matrices[members]

    block = draw(torch.arange(len(matrices)), 2).to(matrices.dtype)
    if start is not None:
        block[:, 0] = start
    pairs, subspace = largest_eigenvalues(
        products, block, lambda members, count: draw(members, count).to(matrices.dtype), **options
    )
    return pairs, subspace, asked


def with_spectrum(*spectra, seed=0, dtype=torch.float64):
    """Return symmetric matrices with these eigenvalues in random orthonormal bases, and the bases (as columns)."""
    generator = torch.Generator().manual_seed(seed)
    spectra = torch.tensor(spectra, dtype=torch.float64)
    frames = torch.linalg.qr(torch.randn(*spectra.shape, spectra.shape[1], generator=generator, dtype=torch.float64)).Q
    return (frames * spectra[:, None, :] @ frames.mT).to(dtype), frames.to(dtype)


def decaying(size, *outliers):
    """Return a spectrum like a network's: outliers over a bulk that falls off to a few small negative values."""
    bulk = torch.logspace(-0.5, -4, size - len(outliers) - 5, dtype=torch.float64)
    return [*outliers, *bulk.tolist(), *(-torch.linspace(0.001, 0.02, 5)).tolist()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_finds_the_largest_eigenvalue_to_the_tolerance(dtype):
    matrices, _ = with_spectrum(decaying(200, 3.0, 2.5), decaying(200, 1.2, 1.1), seed=1, dtype=dtype)
    pairs, _, _ = search(matrices, tolerance=1e-4)
    assert pairs.converged.all()
    torch.testing.assert_close(pairs.eigenvalue, torch.tensor([3.0, 1.2], dtype=torch.float64), rtol=1e-4, atol=0)


def test_the_largest_is_not_the_largest_in_magnitude():
    matrices, _ = with_spectrum([-9.0, -8.0, *torch.linspace(0, 1, 48).tolist(), 2.0])
    pairs, _, _ = search(matrices)
    assert pairs.eigenvalue.item() == pytest.approx(2.0, rel=1e-3)


@given(st.lists(st.floats(-5, -0.1), min_size=1, max_size=9), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_small_negative_definite_operators_of_any_size_are_solved_exactly(spectrum, seed):
    matrices, _ = with_spectrum(spectrum, seed=seed)
    pairs, subspace, _ = search(matrices, seed=seed)
    assert pairs.eigenvalue.item() == pytest.approx(max(spectrum), rel=2e-3)
    assert subspace.trace.item() >= sum(spectrum) - 1e-9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_start_on_the_second_eigenvector_does_not_hide_the_first(dtype):
    matrices, frames = with_spectrum(decaying(300, 3.0, 2.5), seed=2, dtype=dtype)
    second = frames[:, :, 1]
    assert ((second @ matrices[0] - 2.5 * second).norm() < 1e-5).item(), "the trap is not set"
    for seed in range(20):
        pairs, _, _ = search(matrices, start=second, seed=seed)
        assert pairs.eigenvalue.item() == pytest.approx(3.0, rel=1e-3), f"seed {seed}"


def test_the_residual_is_that_of_the_vector_and_bounds_the_error():
    spectra = [decaying(150, 3.0, 2.9, 2.8), decaying(150, 3.0, 1.0)]
    matrices, _ = with_spectrum(*spectra, dtype=torch.float32)
    for cap in (4, 6, 10, 60):
        pairs, _, _ = search(matrices, max_products=cap)
        vectors = pairs.vector.double()
        true = (torch.einsum("mij,mj->mi", matrices.double(), vectors) - pairs.eigenvalue[:, None] * vectors).norm(
            dim=1
        )
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2, dtype=torch.float64), rtol=1e-5, atol=0)
        torch.testing.assert_close(pairs.residual, true, rtol=1e-2, atol=3e-6)
        distance = (torch.tensor(spectra, dtype=torch.float64) - pairs.eigenvalue[:, None]).abs().amin(dim=1)
        assert (distance <= pairs.residual + 1e-5).all()


def test_the_basis_stays_orthonormal_in_float32_long_after_convergence(monkeypatch):
    monkeypatch.setattr(lanczos, "LEAST_STEPS", 30)
    matrices, _ = with_spectrum(decaying(120, 100.0, 10.0, 1.0), dtype=torch.float32)
    _, subspace, _ = search(matrices)
    gram = subspace.basis[0] @ subspace.basis[0].mT
    assert len(gram) == 60
    assert (gram - torch.eye(60)).abs().max() < 1e-5


def test_trace_and_norm_of_the_subspace_are_those_of_the_images():
    matrices, _ = with_spectrum(decaying(100, 3.0, 2.0), decaying(100, 1.0, 0.5))
    _, subspace, _ = search(matrices)
    images = subspace.basis @ matrices
    torch.testing.assert_close(subspace.trace, (images * subspace.basis).sum(dim=(1, 2)))
    torch.testing.assert_close(subspace.squared_norm, images.square().sum(dim=(1, 2)))


def test_converged_members_get_no_more_products():
    matrices, _ = with_spectrum(decaying(200, 9.0, 1.0), decaying(200, 1.01, 1.0))
    pairs, _, asked = search(matrices)
    assert pairs.products[0] < pairs.products[1]
    for member in (0, 1):
        assert 2 * sum(member in members for members in asked) == pairs.products[member]


def test_the_cap_is_kept_and_reported_as_not_converged():
    matrices, _ = with_spectrum(torch.linspace(0, 1, 300).tolist())
    pairs, _, _ = search(matrices, max_products=9)
    assert pairs.products.item() == 8
    assert not pairs.converged.item()


def test_a_cap_below_one_block_is_refused():
    with pytest.raises(ValueError, match="max_products is 1; a block alone needs 2"):
        search(torch.eye(5, dtype=torch.float64)[None], max_products=1)


@pytest.mark.parametrize("matrix", [torch.zeros(20, 20), torch.eye(20)], ids=["zero", "identity"])
def test_an_operator_that_leads_nowhere_converges(matrix):
    pairs, _, _ = search(matrix.double()[None])
    assert pairs.converged.item()
    assert pairs.eigenvalue.item() == pytest.approx(matrix[0, 0].item(), abs=1e-12)


def test_a_member_that_is_not_finite_gets_nan_and_leaves_the_others_alone():
    matrices, _ = with_spectrum(*[decaying(100, 2.0, 1.0)] * 3)
    healthy, _, _ = search(matrices)
    matrices[1, 3, 3] = torch.inf
    pairs, subspace, asked = search(matrices)
    assert pairs.eigenvalue[1].isnan()
    assert not pairs.converged[1]
    assert asked[1] == [0, 2]
    assert torch.equal(pairs.eigenvalue[[0, 2]], healthy.eigenvalue[[0, 2]])
    assert torch.isfinite(subspace.basis).all()
