import json
from fractions import Fraction
from math import floor

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from closerlook.data.corruption import corrupted_count, generator, training_index, validation_index, write_noise
from closerlook.data.images import pixel_statistics, read_training_split
from closerlook.data.noise import NOISES
from closerlook.data.sets import DataError
from closerlook.things import ThingError

few = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
kinds = st.sampled_from(NOISES.names())


def write(data, path, **changes):
    arguments = {"image_size": 4, "examples": 40, "noise": "randY", "seeds": 2} | changes
    write_noise(data, path, **arguments)
    return path


def group(path, name="seed-0"):
    with h5py.File(path) as file:
        return {key: values[:] for key, values in file[name].items()}


@given(st.integers(0, 1000), st.integers(1, 60_000))
def test_count_is_the_product_with_halves_up(thousandths, examples):
    expected = floor(Fraction(thousandths, 1000) * examples + Fraction(1, 2))
    assert corrupted_count(thousandths / 1000, examples) == expected


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 60_000))
def test_count_grows_with_the_level(one, other, examples):
    low, high = sorted((one, other))
    assert 0 <= corrupted_count(low, examples) <= corrupted_count(high, examples) <= examples


@pytest.mark.parametrize("level", [-0.1, 1.1, float("nan"), float("inf")])
def test_impossible_level_is_refused(level):
    with pytest.raises(DataError, match=r"level: .* is not between 0 and 1"):
        corrupted_count(level, 10)


def test_generators_differ_by_name_and_order():
    draws = {tuple(generator(*names).integers(2**32, size=4)) for names in [("a", 1), ("a", 11), (1, "a"), ("a",)]}
    assert len(draws) == 4
    assert generator("a", 1).integers(2**32) == generator("a", 1).integers(2**32)


@few
@given(kind=kinds, examples=st.integers(1, 2400), seeds=st.integers(1, 3), size=st.sampled_from([1, 2, 4]))
def test_file_is_well_formed(small_data, tmp_path, kind, examples, seeds, size):
    path = write(small_data, tmp_path / "n.h5", noise=kind, examples=examples, seeds=seeds, image_size=size)
    split = read_training_split(small_data)
    for seed in range(seeds):
        content = group(path, f"seed-{seed}")
        index = content["index"]
        assert len(np.unique(index)) == examples  # without replacement
        assert 0 <= index.min() <= index.max() < split.training
        np.testing.assert_array_equal(content["true_labels"], split.labels[index])
        # A permutation: so exactly corrupted_count examples lie below it, and levels are nested.
        np.testing.assert_array_equal(np.sort(content["rank"]), np.arange(examples))
        extra = {"none": set(), "randY": {"noise_labels"}}.get(kind, {"noise_inputs"})
        assert content.keys() == {"index", "true_labels", "rank"} | extra
        types = {name: values.dtype.name for name, values in content.items()}
        assert types == {name: TYPES[name] for name in content}
        if kind.startswith("randX"):
            assert content["noise_inputs"].shape == (examples, 2, size, size)
    with h5py.File(path) as file:
        assert f"seed-{seeds}" not in file


TYPES = {"index": "int32", "true_labels": "uint8", "rank": "int32", "noise_labels": "uint8", "noise_inputs": "float32"}


@few
@given(kind=kinds, examples=st.integers(1, 300))
def test_same_arguments_give_the_same_bytes(small_data, tmp_path, kind, examples):
    first, second = (
        write(small_data, tmp_path / name, noise=kind, examples=examples).read_bytes() for name in ("a.h5", "b.h5")
    )
    assert first == second


@pytest.mark.parametrize("kind", NOISES.names())
def test_seeds_differ_in_everything_drawn(small_data, tmp_path, kind):
    path = write(small_data, tmp_path / "n.h5", noise=kind)
    one, other = group(path, "seed-0"), group(path, "seed-1")
    for name in one.keys() - {"true_labels"}:
        assert not np.array_equal(one[name], other[name]), name


def test_a_seed_does_not_depend_on_how_many_there_are(small_data, tmp_path):
    few_seeds = group(write(small_data, tmp_path / "a.h5", noise="randX", seeds=1))
    more_seeds = group(write(small_data, tmp_path / "b.h5", noise="randX", seeds=3))
    for name, values in few_seeds.items():
        np.testing.assert_array_equal(values, more_seeds[name])


def test_subset_is_shared_by_kinds_and_sizes_and_ranks_are_not(small_data, tmp_path):
    groups = [group(write(small_data, tmp_path / f"{kind}.h5", noise=kind)) for kind in NOISES.names()]
    groups.append(group(write(small_data, tmp_path / "small.h5", noise="randX", image_size=2)))
    assert all(np.array_equal(content["index"], groups[0]["index"]) for content in groups)
    assert not np.array_equal(groups[1]["rank"], groups[3]["rank"])


def test_whole_training_part_is_every_example_once():
    np.testing.assert_array_equal(training_index("mnist", 500, 500, 7), np.arange(500))


def test_subset_is_uniform_over_the_training_part():
    # 200 draws of 50 out of 500: each example is in 20 of them on average, binomially.
    counts = np.bincount(np.concatenate([training_index("a", 500, 50, seed) for seed in range(200)]), minlength=500)
    assert stats.kstest(counts, stats.binom(200, 0.1).cdf).statistic < 0.15  # discreteness alone gives about 0.09
    assert abs(counts.std() - np.sqrt(200 * 0.1 * 0.9)) < 0.6


@few
@given(count=st.integers(1, 300), seed=st.integers(0, 1000))
def test_validation_is_drawn_for_each_seed_and_grows_by_what_is_added(small_data, count, seed):
    split = read_training_split(small_data)
    index = validation_index(split, count, seed)
    assert len(np.unique(index)) == count
    assert 2400 <= index.min() <= index.max() < 2700  # so disjoint from every training subset
    np.testing.assert_array_equal(index, validation_index(split, 300, seed)[:count])
    assert not np.array_equal(validation_index(split, 300, seed), validation_index(split, 300, seed + 1))


def test_validation_is_uniform_over_the_validation_part(small_data):
    # 200 draws of 30 out of 300: each example is in 20 of them on average, binomially.
    split = read_training_split(small_data)
    counts = np.bincount(np.concatenate([validation_index(split, 30, seed) for seed in range(200)]))[2400:]
    assert stats.kstest(counts, stats.binom(200, 0.1).cdf).statistic < 0.15
    assert abs(counts.std() - np.sqrt(200 * 0.1 * 0.9)) < 0.6


@pytest.mark.parametrize("count", [0, 301])
def test_an_impossible_number_of_validation_examples_is_refused(small_data, count):
    with pytest.raises(DataError, match=f"validation_examples: {count} is not between 1 and 300"):
        validation_index(read_training_split(small_data), count, 0)


@pytest.mark.parametrize("size", [4, 2])
def test_randx_matches_each_pixel(small_data, tmp_path, size):
    inputs = group(write(small_data, tmp_path / "n.h5", noise="randX", examples=2400, image_size=size))["noise_inputs"]
    split = read_training_split(small_data)
    real = pixel_statistics(split.images[:2400], 4 // size, 10)
    alive = real.pixel_std > 0
    assert 0 < alive.sum() < alive.size
    score = (inputs.mean(axis=0) - real.pixel_mean)[alive] / real.pixel_std[alive] * np.sqrt(2400)
    assert np.abs(score).max() < 4.5
    assert np.abs(inputs.std(axis=0)[alive] / real.pixel_std[alive] - 1).max() < 4.5 / np.sqrt(2 * 2400)
    np.testing.assert_array_equal(inputs[:, ~alive], 0)  # a pixel that is always black carries no noise
    standard = ((inputs - real.pixel_mean.astype(np.float32))[:, alive] / real.pixel_std[alive]).ravel()
    assert stats.kstest(standard, "norm").pvalue > 1e-4


def test_randxg_has_one_mean_and_spread_for_all_pixels(small_data, tmp_path):
    inputs = group(write(small_data, tmp_path / "n.h5", noise="randXg", examples=2400))["noise_inputs"]
    real = pixel_statistics(read_training_split(small_data).images[:2400], 1, 10)
    standard = (inputs - real.mean) / real.std
    assert np.abs(standard.mean(axis=0)).max() < 4.5 / np.sqrt(2400)
    assert np.abs(standard.std(axis=0) - 1).max() < 4.5 / np.sqrt(2 * 2400)
    assert stats.kstest(standard.ravel(), "norm").pvalue > 1e-4


def test_randxu_is_uniform_whatever_the_images(small_data, tmp_path):
    inputs = group(write(small_data, tmp_path / "n.h5", noise="randXu", examples=2400))["noise_inputs"]
    assert stats.kstest(inputs.ravel(), "uniform").pvalue > 1e-4
    assert np.abs(inputs.mean(axis=0) - 0.5).max() < 4.5 / np.sqrt(12 * 2400)


def test_pixels_of_the_noise_are_independent(small_data, tmp_path):
    inputs = group(write(small_data, tmp_path / "n.h5", noise="randXg", examples=2400))["noise_inputs"]
    between = np.corrcoef(inputs.reshape(2400, -1).T)[np.triu_indices(32, 1)]
    assert np.abs(between).max() < 5 / np.sqrt(2400)


def test_random_labels_are_uniform_and_independent_of_the_true_ones(small_data, tmp_path):
    content = group(write(small_data, tmp_path / "n.h5", noise="randY", examples=2400))
    table = np.zeros((10, 10))
    np.add.at(table, (content["true_labels"], content["noise_labels"]), 1)
    assert stats.chisquare(table.sum(axis=0)).pvalue > 1e-4
    assert stats.chi2_contingency(table).pvalue > 1e-4
    assert np.trace(table) > 0  # a random label may equal the true one


def test_attributes_say_what_was_done(small_data, tmp_path):
    with h5py.File(write(small_data, tmp_path / "n.h5", noise="randX", image_size=2)) as file:
        attributes = dict(file.attrs)
    split = read_training_split(small_data)
    real = pixel_statistics(split.images[:2400], 2, 10)
    assert json.loads(attributes.pop("preprocessing")) == {"pooling": 2, "mean": real.mean, "std": real.std}
    assert attributes == {
        "noise": "randX",
        "dataset": "small",
        "image_size": 2,
        "examples": 40,
        "seeds": 2,
        "data_sha256": split.sha256,
        "convention": NOISES["randX"].convention,
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"examples": 2401}, "examples: 2401 is not between 1 and 2400"),
        ({"examples": 0}, "examples: 0 is not"),
        ({"seeds": 0}, "seeds: 0 is not"),
        ({"image_size": 3}, "image_size: 3 must divide 4"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_impossible_arguments_leave_no_file(small_data, tmp_path, changes, reason):
    with pytest.raises(DataError, match=reason):
        write(small_data, tmp_path / "n.h5", **changes)
    assert not [*tmp_path.iterdir()]


def test_an_unknown_kind_lists_the_known_ones(small_data, tmp_path):
    with pytest.raises(ThingError, match="no kind of noise 'randZ'; there are: none, randX, randXg, randXu, randY"):
        write(small_data, tmp_path / "n.h5", noise="randZ")
