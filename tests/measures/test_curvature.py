"""From trained.h5 to curvature.h5."""

import json

import h5py
import numpy as np
import pytest
import torch
from written import write_learning

from closerlook import nets, store
from closerlook.data.loading import TrainingData
from closerlook.measures import job as opening
from closerlook.measures.curvature import run as module
from closerlook.spec import Checkpoints, Ensemble, Member

MEMBERS = tuple(Member(seed=seed) for seed in range(5))
SPEC = Ensemble(
    dataset="mnist",
    image_size=3,
    examples=30,
    validation_examples=4,
    network="mlp",
    widths=(6,),
    batch_size=8,
    epochs=9,
    members=MEMBERS,
    checkpoints=Checkpoints(epochs=(0, 9), losses=(0.5,)),
)
NAMES = ("epoch-0", "epoch-9", "loss-0.5")
EPOCHS = {"epoch-0": [0.0] * 5, "epoch-9": [9.0] * 5, "loss-0.5": [4.0, 12.0, np.nan, 4.0, 9.0]}
DIVERGED = 3


def training_data():
    generator = np.random.default_rng(0)
    rows = np.stack([generator.permutation(40)[:30] for _ in MEMBERS])
    return TrainingData(
        pool=generator.standard_normal((40, 1, 3, 3), dtype=np.float32),
        rows=rows,
        labels=generator.integers(0, 3, rows.shape),
        is_noise=np.zeros(rows.shape, dtype=bool),
        validation_inputs=np.zeros((4, 1, 3, 3), dtype=np.float32),
        validation_labels=np.zeros(4, dtype=np.int64),
        validation_rows=np.tile(np.arange(4), (len(MEMBERS), 1)),
        pixel=2.0,
        classes=3,
    )


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A file with three checkpoints; member 2 did not reach the last, member 3 diverged after the first."""
    monkeypatch.setattr(opening, "load_training_data", lambda spec, data, noise: training_data())
    network = nets.build(SPEC, (1, 3, 3), 3)
    path = tmp_path / "trained.h5"
    with h5py.File(path, "w") as file:
        store.write_members(file.create_group("members"), SPEC)
        write_learning(file, 9, diverged=np.arange(5) == DIVERGED)
        for number, name in enumerate(NAMES):
            parameters = network.initialise([10 * number + member for member in range(5)])
            parameters[np.isnan(EPOCHS[name])] = torch.nan
            if number:
                parameters[DIVERGED] = torch.nan
            file[f"checkpoints/{name}/epoch"] = np.array(EPOCHS[name], np.float32)
            for part, view in network.views(parameters).items():
                file[f"checkpoints/{name}/{part}"] = view.numpy()
        store.write_attributes(file, spec=SPEC.to_json(), versions={}, device="cpu")
    return path


def measure(trained, name="curvature.h5", **options):
    output, source = trained.with_name(name), opening.Source(trained=trained, data=trained, noise={})
    opening.measure("curvature", source, output, {"dtype": "float64"} | options, log=lambda line: None)
    with store.read(output, "curvature") as file:
        table = {name: {part: column[:] for part, column in file[name].items()} for name in file}
        return output, table, dict(file.attrs)


def dense_hessian(trained, name, member, chosen=slice(None)):
    data, network = training_data(), nets.build(SPEC, (1, 3, 3), 3)
    with h5py.File(trained) as file:
        parts = [torch.tensor(file[f"checkpoints/{name}/{part}"][member]).flatten() for part in network.shapes]
    inputs = torch.tensor(data.pool[data.rows[member]]).double()[None, chosen]
    labels = torch.tensor(data.labels[member])[None, chosen]

    def loss(flat):
        return torch.nn.functional.cross_entropy(network.forward(flat[None], inputs)[0], labels)

    return torch.autograd.functional.hessian(loss, torch.cat(parts).double())


def test_every_checkpoint_of_every_member_has_its_own_curvature(trained):
    _, table, _ = measure(trained, tolerance=1e-5)
    for name in NAMES:
        for member in range(5):
            if np.isnan(table[name]["loss"][member]):
                continue
            values = torch.linalg.eigvalsh(dense_hessian(trained, name, member))
            column = {part: entries[member] for part, entries in table[name].items()}
            assert column["converged"]
            assert column["largest_eigenvalue"] == pytest.approx(values[-1].item(), rel=1e-5)
            assert abs(column["trace"] - values.sum().item()) <= 5 * column["trace_stderr"]
            assert abs(column["frobenius"] - values.norm().item()) <= 5 * column["frobenius_stderr"]


def test_nan_exactly_where_a_member_diverged_or_never_came(trained):
    _, table, _ = measure(trained)
    expected = {"epoch-0": [], "epoch-9": [3], "loss-0.5": [2, 3]}
    for name, members in expected.items():
        for part in (
            "largest_eigenvalue",
            "residual",
            "trace",
            "trace_stderr",
            "frobenius",
            "frobenius_stderr",
            "loss",
        ):
            assert np.isnan(table[name][part]).nonzero()[0].tolist() == members, f"{name}/{part}"
        assert table[name]["products"][members].sum() == table[name]["probes"][members].sum() == 0
        assert not table[name]["converged"][members].any()


def test_the_file_says_how_it_was_measured(trained):
    _, table, attributes = measure(trained, examples=12, max_probes=20)
    settings = json.loads(attributes["settings"])
    assert settings == {
        "max_probes": 20,
        "examples": 12,
        "dtype": "float64",
    }
    assert Ensemble.from_json(attributes["spec"]) == SPEC
    assert json.loads(attributes["versions"])["torch"] == torch.__version__
    assert attributes["device"] == "cpu"
    assert set(table["epoch-0"]) == {
        *("largest_eigenvalue", "residual", "converged", "products"),
        *("trace", "trace_stderr", "frobenius", "frobenius_stderr", "probes", "loss"),
    }


def test_warm_starts_follow_each_members_own_epochs(trained, monkeypatch):
    starts = []
    original = module.curvature

    def spy(*arguments, start, **options):
        result = original(*arguments, start=start, **options)
        starts.append((start, result.largest.vector))
        return result

    monkeypatch.setattr(module, "curvature", spy)
    _, table, _ = measure(trained)
    assert [start is None for start, _ in starts] == [True, False, False]
    torch.testing.assert_close(starts[1][0], starts[0][1])
    # Member 1 met its loss after epoch 9, member 0 before: their last searches are at different checkpoints.
    for member, last in ((0, "epoch-9"), (1, "loss-0.5")):
        hessian = dense_hessian(trained, last, member)
        vector = starts[2][1][member]
        assert (vector @ hessian @ vector).item() == pytest.approx(table[last]["largest_eigenvalue"][member], rel=1e-6)


def test_the_same_bytes_again_and_in_stacks_of_another_size_the_same_numbers(trained, monkeypatch):
    first, table, _ = measure(trained, "first.h5")
    again, _, _ = measure(trained, "again.h5")
    assert first.read_bytes() == again.read_bytes()
    monkeypatch.setattr(module, "_stack_size", lambda *arguments: 2)
    _, split, _ = measure(trained, "split.h5")
    for name in NAMES:
        for part, column in table[name].items():
            np.testing.assert_allclose(split[name][part], column, rtol=1e-8, atol=1e-9, err_msg=f"{name}/{part}")


def test_a_subset_is_the_members_own_and_the_same_at_every_checkpoint(trained, monkeypatch):
    seen = []
    original = module.curvature
    monkeypatch.setattr(module, "curvature", lambda *a, **k: seen.append(a[2]) or original(*a, **k))
    measure(trained, examples=12)
    assert seen[0].shape == (5, 12, 1, 3, 3)
    assert torch.equal(seen[0], seen[1])
    pool = torch.tensor(training_data().pool[training_data().rows[1]]).double()
    places = [int((pool == image).flatten(1).all(dim=1).nonzero()) for image in seen[0][1]]
    assert places == sorted(set(places))
    assert len(places) == 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "float16"}, "dtype is 'float16'; allowed are float32, float64"),
        ({"examples": 31}, "examples is 31; allowed are 1 to 30"),
        ({"max_products": 1}, "max_products is 1; it must be at least 2"),
        ({"tolerance": 0.0}, "tolerance is 0.0; it must be more than 0"),
        ({"colour": 1}, "no option colour; there are: tolerance, trace_tolerance"),
    ],
)
def test_impossible_requests_are_refused_in_one_line(trained, options, message):
    with pytest.raises(ValueError, match=message):
        measure(trained, **options)
    assert not trained.with_name("curvature.h5").exists()


def test_a_checkpoint_that_is_not_there_is_named(trained):
    with h5py.File(trained, "a") as file:
        del file["checkpoints/epoch-9"]
    with pytest.raises(store.StoreError, match=r"no checkpoint epoch-9; it has epoch-0, loss-0\.5"):
        measure(trained)
