"""From trained.h5 to critical_samples.h5."""

import json

import h5py
import numpy as np
import pytest
import torch
from written import write_learning

from closerlook import nets, store
from closerlook.data.loading import TrainingData
from closerlook.measures import job as opening
from closerlook.measures.critical_samples import run as module
from closerlook.spec import Checkpoints, Ensemble, Member

MEMBERS = tuple(Member(seed=seed // 2, noise="randX", level=0.5 * (seed % 2)) for seed in range(4))
SPEC = Ensemble(
    dataset="mnist",
    image_size=2,
    examples=60,
    validation_examples=50,
    network="mlp",
    widths=(16,),
    batch_size=8,
    epochs=9,
    members=MEMBERS,
    checkpoints=Checkpoints(epochs=(0, 9)),
)
NAMES = ("epoch-0", "epoch-9")
DIVERGED, PIXEL = 3, 4.0
RADII = [0.03, 0.1]


def training_data():
    generator = np.random.default_rng(0)
    return TrainingData(
        pool=generator.standard_normal((80, 1, 2, 2), dtype=np.float32),
        rows=np.stack([generator.permutation(80)[:60] for _ in MEMBERS]),
        labels=generator.integers(0, 3, (4, 60)),
        is_noise=np.zeros((4, 60), dtype=bool),
        validation_inputs=generator.standard_normal((70, 1, 2, 2), dtype=np.float32),
        validation_labels=np.zeros(70, dtype=np.int64),
        validation_rows=np.stack([np.random.default_rng(member.seed).permutation(70)[:50] for member in MEMBERS]),
        pixel=PIXEL,
        classes=3,
    )


def network():
    return nets.build(SPEC, (1, 2, 2), 3)


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A file with two checkpoints; the last member diverged after the first."""
    monkeypatch.setattr(opening, "load_training_data", lambda spec, data, noise: training_data())
    path = tmp_path / "trained.h5"
    with h5py.File(path, "w") as file:
        store.write_members(file.create_group("members"), SPEC)
        write_learning(file, 9, diverged=np.arange(4) == DIVERGED)
        for number, name in enumerate(NAMES):
            parameters = 2 * network().initialise([10 * number + member for member in range(4)])
            if number:
                parameters[DIVERGED] = torch.nan
            file[f"checkpoints/{name}/epoch"] = np.full(4, 9.0 * number, np.float32)
            for part, view in network().views(parameters).items():
                file[f"checkpoints/{name}/{part}"] = view.numpy()
        store.write_attributes(file, spec=SPEC.to_json(), versions={}, device="cpu")
    return path


def measure(trained, name="critical_samples.h5", **options):
    output, source = trained.with_name(name), opening.Source(trained=trained, data=trained, noise={})
    options = {"radius": RADII, "iterations": 10, "training_examples": 40} | options
    opening.measure("critical_samples", source, output, options, log=lambda line: None)
    with store.read(output, "critical_samples") as file:
        table = {}
        file.visititems(lambda part, item: table.update({part: item[:]}) if isinstance(item, h5py.Dataset) else None)
        return output, table, dict(file.attrs)


def brute_force(trained, name, member, points, radius):
    """Return which points have another answer at some point of a grid over their box."""
    with h5py.File(trained) as file:
        parts = [torch.tensor(file[f"checkpoints/{name}/{part}"][member]).flatten() for part in network().shapes]
    parameters = torch.cat(parts)[None]
    shifts = torch.cartesian_prod(*[torch.linspace(-1, 1, 9)] * 4).view(-1, 1, 2, 2) * radius * PIXEL

    def answers(inputs):
        return network().forward(parameters, inputs[None])[0].argmax(dim=1)[0]

    points = torch.from_numpy(points)
    own = answers(points)
    return np.array([bool((answers(point + shifts) != label).any()) for point, label in zip(points, own, strict=True)])


@pytest.mark.parametrize("member", [0, 2])
def test_the_ratios_are_those_of_brute_force_on_the_members_own_samples(trained, member):
    _, table, _ = measure(trained, training_examples=60)
    data = training_data()
    sets = {
        "validation": data.validation_inputs[data.validation_rows[member]],
        "training": data.pool[data.rows[member]],
    }
    for name in NAMES:
        for which, points in sets.items():
            for place, radius in enumerate(RADII):
                brute = brute_force(trained, name, member, points, radius).mean()
                found = table[f"{name}/{which}/critical"][member, place]
                assert 0.9 * brute <= found <= brute + 0.02  # LASS looks at ten points, and may miss one
                if which == "validation":
                    assert table[f"{name}/validation/random"][member, place] <= found + 0.02
    assert 0.1 < table["epoch-9/validation/critical"][member, 0] < table["epoch-9/validation/critical"][member, 1]


def test_nan_exactly_where_a_member_diverged(trained):
    _, table, _ = measure(trained)
    for part in ("validation/critical", "validation/random", "training/critical"):
        assert np.isfinite(table[f"epoch-0/{part}"]).all()
        assert np.isnan(table[f"epoch-9/{part}"]).all(axis=1).nonzero()[0].tolist() == [DIVERGED]
        assert np.isfinite(table[f"epoch-9/{part}"][:DIVERGED]).all()


def test_the_file_says_how_it_was_measured(trained):
    _, table, attributes = measure(
        trained, radius=[0.1, 0.03], step=0.5, noise_scale=0.25, iterations=7, gradient="fixed", examples=20,
        training_examples=0, random_tries=False,
    )  # fmt: skip
    assert json.loads(attributes["settings"]) == {
        "radius": [0.03, 0.1],
        "step": 0.5,
        "noise_scale": 0.25,
        "iterations": 7,
        "gradient": "fixed",
        "random_tries": False,
        "examples": 20,
    }
    assert table["radius"].tolist() == [0.03, 0.1]
    assert Ensemble.from_json(attributes["spec"]) == SPEC
    assert json.loads(attributes["versions"])["torch"] == torch.__version__
    assert attributes["device"] == "cpu"
    assert set(table) == {"radius", *(f"{name}/{part}" for name in NAMES for part in ("epoch", "validation/critical"))}
    assert table["epoch-9/epoch"].tolist() == [9.0] * 4


def test_a_larger_box_is_searched_only_for_samples_not_yet_found(trained, monkeypatch):
    searched = []
    original = module.find_critical

    def spy(network, parameters, inputs, radius, **options):
        result = original(network, parameters, inputs, radius, **options)
        searched.append((radius, options["step"], options["noise"], len(inputs), int(result.critical.sum())))
        return result

    monkeypatch.setattr(module, "find_critical", spy)
    _, table, _ = measure(trained, training_examples=0, step=0.5, noise_scale=0.25)
    small, large = searched[:2]
    assert [small[0], large[0]] == [radius * PIXEL for radius in RADII]
    assert [small[1:3], large[1:3]] == [(0.5 * radius * PIXEL, 0.25 * radius * PIXEL) for radius in RADII]
    assert small[3] == 50
    assert large[3] == 50 - small[4]
    expected = [small[4] / 50, (small[4] + large[4]) / 50]
    assert table["epoch-0/validation/critical"][0] == pytest.approx(expected)


def test_the_samples_are_the_members_own_and_the_same_at_every_checkpoint(trained, monkeypatch):
    seen = []
    original = module.critical_ratios
    monkeypatch.setattr(module, "critical_ratios", lambda *a: seen.append(a[2]) or original(*a))
    measure(trained, examples=12, training_examples=15, random_tries=False)
    validation, training = seen[::2], seen[1::2]  # 4 networks at the first checkpoint, 3 at the second
    assert len(seen) == 14
    data = training_data()
    for member in range(4):
        first = data.validation_inputs[data.validation_rows[member, :12]]
        assert torch.equal(validation[member], torch.from_numpy(first))
    assert all(torch.equal(early, late) for early, late in zip(validation[:3], validation[4:], strict=True))
    own = torch.from_numpy(data.pool[data.rows[0]])
    places = [int((own == image).flatten(1).all(dim=1).nonzero()) for image in training[0]]
    assert places == sorted(set(places))
    assert len(places) == 15
    for member in range(4):
        assert torch.equal(training[member], torch.from_numpy(data.pool[data.rows[member]][places]))
    assert all(torch.equal(early, late) for early, late in zip(training[:3], training[4:], strict=True))


def test_the_same_bytes_again_and_members_do_not_matter_to_each_other(trained, monkeypatch):
    first, table, _ = measure(trained, "first.h5")
    again, _, _ = measure(trained, "again.h5")
    assert first.read_bytes() == again.read_bytes()
    assert np.isfinite(table["epoch-9/training/critical"][:DIVERGED]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"examples": 51}, "examples is 51; allowed are 1 to 50"),
        ({"training_examples": 61}, "training_examples is 61; allowed are 0 to 60"),
        ({"radius": []}, r"radius is \[\]; 1 or more are needed"),
        ({"radius": [0.1, 0.1]}, "radius: holds a value twice"),
        ({"radius": [0.0]}, r"radius is \[0.0\]; it must be more than 0"),
        ({"radius": [0.1, 3.0]}, r"radius is \[0.1, 3.0\]; it must be at most 1"),
        ({"noise_scale": -1.0}, "noise_scale is -1.0; it must be at least 0"),
        ({"iterations": 0}, "iterations is 0; it must be at least 1"),
        ({"gradient": "steep"}, "gradient is 'steep'; allowed are moving, fixed"),
    ],
)
def test_impossible_requests_are_refused_in_one_line(trained, options, message):
    with pytest.raises(ValueError, match=message):
        measure(trained, **options)
    assert not trained.with_name("critical_samples.h5").exists()


def test_parameters_of_another_shape_are_refused(trained):
    with h5py.File(trained, "a") as file:
        del file["checkpoints/epoch-0/bias0"]
        file["checkpoints/epoch-0/bias0"] = np.zeros((4, 1), np.float32)
    with pytest.raises(store.StoreError, match=r"bias0 is of shape \(1,\) a member, not \(16,\)"):
        measure(trained)


def test_nothing_to_validate_on_is_refused(trained, monkeypatch):
    def without(spec, data, noise):
        data = training_data()
        return TrainingData(
            **{
                **vars(data),
                "validation_rows": data.validation_rows[:, :0],
            }
        )

    monkeypatch.setattr(opening, "load_training_data", without)
    with pytest.raises(ValueError, match="no validation example"):
        measure(trained)
