"""The plan's estimates, against what the smoke workflow really took and wrote."""

import pytest

from closerlook.config.reading import read_config
from closerlook.measures import MEASURES
from closerlook.planning.cost import noise_cost
from closerlook.planning.overview import measured_errors
from closerlook.planning.plan import Plan


@pytest.fixture(scope="module")
def plan(built):
    return Plan(read_config(built.folder / "config.yaml", "smoke", root=built.folder))


@pytest.mark.parametrize("job", ["training", *MEASURES.names()])
@pytest.mark.parametrize(("what", "factor"), [("memory", 1.35), ("disk", 1.2)])
def test_memory_and_disk_are_within_a_factor(built, plan, job, what, factor):
    ratios = measured_errors(plan, built.folder)[f"{job}, {what}"]
    wanted = sum(
        len(ensembles)
        for name, ensembles in plan.ensembles.items()
        if job == "training" or job in plan.config.experiments[name].measures
    )
    assert len(ratios) == wanted
    assert all(1 / factor < ratio < factor for ratio in ratios), ratios


def test_disk_of_noise_is_within_a_fifth(built, plan):
    for name, subset in plan.subsets.items():
        for path in (built.folder / "results/smoke/noise" / name).glob("*.h5"):
            data = plan.config.data
            size = (subset.dataset, subset.image_size, subset.examples, data.seeds)
            assert noise_cost(*size, path.stem).disk == pytest.approx(path.stat().st_size, rel=0.2), path.name
