"""Deflated trace and Frobenius estimates: unbiased, and with standard errors that tell the truth."""

import pytest
import torch

from closerlook.numerics.lanczos import Subspace, largest_eigenvalues
from closerlook.numerics.trace import LEAST_PROBES, trace_and_frobenius

SIZE, REPEATS = 60, 600


def matrix(seed=0):
    """Return a symmetric matrix with two outliers over a decaying bulk with small negative eigenvalues."""
    generator = torch.Generator().manual_seed(seed)
    bulk = torch.logspace(0, -3, SIZE - 6, dtype=torch.float64)
    spectrum = torch.cat([torch.tensor([8.0, 5.0, -0.3, -0.2, -0.1, -0.1], dtype=torch.float64), bulk])
    frame = torch.linalg.qr(torch.randn(SIZE, SIZE, generator=generator, dtype=torch.float64)).Q
    return frame * spectrum @ frame.T


def repeated(searched, seed=0, repeats=REPEATS, **options):
    """Estimate one matrix many times at once, as members; with or without Lanczos before, the same for all."""
    dense = matrix()
    generator = torch.Generator().manual_seed(seed)

    def draw(members, count):
        return torch.randint(0, 2, (len(members), count, SIZE), generator=generator).double() * 2 - 1

    def products(vectors, members):
        return vectors @ dense

    members = torch.arange(repeats)
    if searched:
        one = torch.tensor([0])
        _, found = largest_eigenvalues(products, draw(one, 2), draw)
        subspace = Subspace(**{name: part.expand(repeats, *part.shape[1:]) for name, part in vars(found).items()})
    else:
        zero = torch.zeros(repeats, dtype=torch.float64)
        subspace = Subspace(torch.zeros(repeats, 2, SIZE, dtype=torch.float64), zero, zero)
    return dense, trace_and_frobenius(products, subspace, draw, members, **options)


@pytest.mark.parametrize("searched", [True, False], ids=["deflated", "plain"])
def test_unbiased_with_an_honest_error_when_the_number_of_probes_is_fixed(searched):
    dense, (trace, norm) = repeated(searched, tolerance=1e-9, max_probes=32)
    assert (trace.probes == 32).all()
    for result, truth, power in ((trace, dense.trace(), 1), (norm, dense.norm(), 2)):
        # The squared norm is the unbiased one.
        values = result.estimate**power
        mean, spread = values.mean(), values.std()
        assert (mean - truth**power).abs() < 4 * spread / REPEATS**0.5
        # 600 repeats tell the spread to 3 %, more for heavy tails; the reported errors must be it in the mean square.
        reported = result.stderr.square().mean().sqrt()
        assert reported.item() == pytest.approx(result.estimate.std().item(), rel=0.12)


def test_deflation_takes_most_of_the_variance():
    _, (plain, plain_norm) = repeated(False, tolerance=1e-9, max_probes=16)
    _, (deflated, deflated_norm) = repeated(True, tolerance=1e-9, max_probes=16)
    assert deflated.estimate.std() < plain.estimate.std() / 3
    assert deflated_norm.estimate.std() < plain_norm.estimate.std() / 3


def test_intervals_cover_although_the_number_of_probes_was_not_fixed():
    dense, (trace, norm) = repeated(False, tolerance=0.1, max_probes=64)
    assert trace.probes.unique().numel() > 3, "stopping was not sequential"
    for result, truth in ((trace, dense.trace()), (norm, dense.norm())):
        inside = ((result.estimate - truth).abs() <= 2 * result.stderr).double().mean()
        assert inside > 0.85
        assert ((result.estimate - truth).mean() / result.stderr.mean()).abs() < 0.35


def test_stops_at_the_tolerance_and_not_before_the_least_number():
    _, (trace, norm) = repeated(True, tolerance=0.05, max_probes=400, repeats=50)
    for result in (trace, norm):
        assert (result.stderr <= 0.05 * result.estimate.abs()).all()
    assert trace.probes.min() == LEAST_PROBES
    assert torch.equal(trace.probes, norm.probes)


def test_the_cap_is_kept_even_when_it_is_no_multiple_of_a_block():
    _, (trace, _) = repeated(False, tolerance=1e-9, max_probes=7, repeats=2)
    assert trace.probes.tolist() == [7, 7]


def test_members_that_are_not_selected_cost_nothing_and_are_nan():
    zero = torch.zeros(3, dtype=torch.float64)
    asked = []

    def products(vectors, members):
        asked.append(members.tolist())
        return vectors

    def draw(members, count):
        return torch.ones(len(members), count, 4, dtype=torch.float64)

    subspace = Subspace(torch.zeros(3, 2, 4, dtype=torch.float64), zero, zero)
    trace, norm = trace_and_frobenius(products, subspace, draw, torch.tensor([0, 2]))
    assert all(members == [0, 2] for members in asked)
    assert trace.probes.tolist() == [8, 0, 8]
    assert trace.estimate[[0, 2]].tolist() == [4.0, 4.0]
    assert norm.estimate[[0, 2]].tolist() == [2.0, 2.0]
    assert trace.estimate[1].isnan()
    assert norm.stderr[1].isnan()


def test_a_basis_of_the_whole_space_leaves_nothing_to_chance():
    dense = matrix()
    subspace = Subspace(torch.eye(SIZE, dtype=torch.float64)[None], dense.trace()[None], dense.square().sum()[None])

    def draw(members, count):
        return torch.ones(1, count, SIZE, dtype=torch.float64)

    trace, norm = trace_and_frobenius(lambda vectors, _: vectors @ dense, subspace, draw, torch.tensor([0]))
    assert trace.estimate.item() == pytest.approx(dense.trace().item())
    assert norm.estimate.item() == pytest.approx(dense.norm().item())
    assert trace.stderr.item() == norm.stderr.item() == 0


def test_one_probe_is_refused():
    with pytest.raises(ValueError, match="max_probes is 1; a standard error needs at least 2"):
        repeated(False, max_probes=1, repeats=1)
