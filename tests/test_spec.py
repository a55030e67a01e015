from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closerlook.spec import Checkpoints, Ensemble, Member, Schedule

stages = st.dictionaries(st.integers(0, 50), st.floats(0.01, 10), max_size=3)
schedules = st.builds(Schedule, stages, st.none() | st.integers(1, 60))
members = st.builds(
    Member,
    seed=st.integers(0, 9),
    noise=st.sampled_from(["none", "randX", "randY"]),
    level=st.floats(0, 1),
    regularizers=st.dictionaries(st.sampled_from(["dropout", "lass", "weight_decay"]), st.floats(0, 1), max_size=2),
)
checkpoints = st.builds(
    Checkpoints,
    st.lists(st.integers(0, 99), max_size=3).map(tuple),
    st.booleans(),
    st.lists(st.floats(0.01, 1), max_size=3).map(tuple),
)
ensembles = st.builds(
    Ensemble,
    dataset=st.sampled_from(["mnist", "fashion"]),
    image_size=st.sampled_from([14, 28]),
    examples=st.integers(1, 1000),
    validation_examples=st.integers(1, 1000),
    network=st.just("mlp"),
    widths=st.lists(st.integers(1, 512), min_size=1, max_size=3).map(tuple),
    batch_size=st.integers(1, 64),
    epochs=st.integers(1, 100),
    members=st.lists(members, min_size=1, max_size=2).map(tuple),
    learning_rate_schedule=schedules,
    batch_size_schedule=schedules,
    checkpoints=checkpoints,
    after_fit=st.none() | st.integers(0, 10),
    evaluate_every=st.integers(1, 5),
)


# beartype, which checks the constructors here, draws random numbers of its own.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ensembles)
def test_json_gives_the_same_specification_back(spec):
    assert Ensemble.from_json(spec.to_json()) == spec


def test_schedule_holds_each_stage_until_the_next():
    schedule = Schedule({2: 0.5, 4: 0.1})
    assert [schedule.factor(epoch) for epoch in range(6)] == [1, 1, 0.5, 0.5, 0.1, 0.1]


def test_cyclic_schedule_begins_again():
    schedule = Schedule({0: 1.0, 2: 3.0}, period=4)
    assert [schedule.factor(epoch) for epoch in range(8)] == [1, 1, 3, 3, 1, 1, 3, 3]


def test_names_are_the_folders_of_the_results():
    spec = Ensemble(
        dataset="mnist",
        image_size=14,
        examples=1000,
        validation_examples=100,
        network="mlp",
        widths=(128, 64),
        batch_size=32,
        epochs=5,
        members=(Member(noise="randY", level=1.0), Member()),
    )
    assert spec.name == "mnist14-1000-mlp128x64-b32"
    assert spec.subset == "mnist14-1000"
    assert spec.noises == ("none", "randY")
    spec = replace(spec, checkpoints=Checkpoints((0, 5), True, (0.1, 0.01)))
    assert spec.checkpoints.names() == ("epoch-0", "epoch-5", "fit", "loss-0.1", "loss-0.01")
