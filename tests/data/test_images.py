import h5py
import numpy as np
import pytest

from closerlook.data.images import (
    fill_scaled,
    pixel_statistics,
    pooled_sums,
    read_training_split,
)
from closerlook.data.sets import DataError, pooling_factor
from closerlook.store import StoreError

IMAGES = np.random.default_rng(2).integers(256, size=(5000, 2, 4, 4), dtype=np.uint8)


def pooled_by_loop(images, pooling):
    """Average pooling of values in [0, 1], written out in float64: the oracle."""
    size = images.shape[-1] // pooling
    pooled = np.zeros((*images.shape[:2], size, size))
    for row in range(size * pooling):
        for column in range(size * pooling):
            pooled[:, :, row // pooling, column // pooling] += images[:, :, row, column] / 255 / pooling**2
    return pooled


@pytest.mark.parametrize("pooling", [1, 2, 4])
def test_pooled_sums_are_the_averages_in_units(pooling):
    sums = pooled_sums(IMAGES[:50], pooling)
    np.testing.assert_allclose(sums / (255 * pooling**2), pooled_by_loop(IMAGES[:50], pooling), rtol=1e-13)


@pytest.mark.parametrize("pooling", [1, 2])
def test_statistics_are_those_of_the_pooled_pixels(pooling):
    statistics, pooled = pixel_statistics(IMAGES, pooling, 10), pooled_by_loop(IMAGES, pooling)
    np.testing.assert_allclose(statistics.pixel_mean, pooled.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(statistics.pixel_std, pooled.std(axis=0), rtol=1e-11)
    np.testing.assert_allclose([statistics.mean, statistics.std], [pooled.mean(), pooled.std()], rtol=1e-11)


def test_constant_pixels_have_a_spread_of_exactly_zero():
    images = IMAGES.copy()
    images[:, 0, 0] = 77
    assert (pixel_statistics(images, 1, 10).pixel_std[0, 0] == 0).all()


def test_constant_images_are_refused():
    with pytest.raises(DataError, match="all one grey"):
        pixel_statistics(np.full((3, 1, 2, 2), 9, np.uint8), 1, 10)


@pytest.mark.parametrize(("shape", "size", "factor"), [((1, 28, 28), 14, 2), ((1, 28, 28), 28, 1), ((3, 32, 32), 4, 8)])
def test_pooling_factor_is_the_ratio_of_sides(shape, size, factor):
    assert pooling_factor(shape, size) == factor


@pytest.mark.parametrize("size", [0, -1, 13, 27, 56])
def test_size_that_does_not_divide_is_refused_with_those_that_do(size):
    with pytest.raises(DataError, match=f"image_size: {size} must divide 28, so one of 1, 2, 4, 7, 14, 28$"):
        pooling_factor((1, 28, 28), size)


def test_fill_scaled_takes_the_rows_of_the_index():
    index = np.random.default_rng(0).integers(5000, size=4500)  # more than one chunk
    out = np.empty((4500, 2, 2, 2), np.float32)
    fill_scaled(out, IMAGES, index, 2)
    np.testing.assert_allclose(out, pooled_by_loop(IMAGES, 2)[index], atol=1e-6)


def test_training_split_reads_what_was_written(small_data):
    split = read_training_split(small_data)
    assert (split.name, split.training, split.validation, split.classes) == ("small", 2400, 300, 10)
    assert split.images.shape == (2700, 2, 4, 4)


def damage_pixel(file):
    file["train/images"][2699, 1, 3, 3] ^= 1


def damage_label(file):
    file["train/labels"][0] ^= 1


def lose_attribute(file):
    del file.attrs["training"]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [(damage_pixel, "train/images is damaged"), (damage_label, "train/labels is damaged"), (lose_attribute, "lacks")],
)
def test_damaged_data_file_is_refused(small_data, tmp_path, damage, reason):
    path = tmp_path / "damaged.h5"
    path.write_bytes(small_data.read_bytes())
    with h5py.File(path, "r+") as file:
        damage(file)
    with pytest.raises(StoreError, match=rf"damaged\.h5: .*{reason}"):
        read_training_split(path)


def test_a_file_whose_sums_were_changed_with_its_images_is_not_the_official_one(tmp_path, small_data):
    path = tmp_path / "mnist.h5"
    path.write_bytes(small_data.read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs["name"] = "mnist"
    with pytest.raises(StoreError, match=r"train/images is not that of the official MNIST"):
        read_training_split(path)
