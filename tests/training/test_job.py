"""A training job on files: from data and noise to `trained.h5`, undisturbed, killed, and fed with the wrong thing."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest

from closerlook import store
from closerlook.data.corruption import write_noise
from closerlook.runtime.fingerprints import fingerprint
from closerlook.spec import Checkpoints, Ensemble, Member
from closerlook.store import StoreError
from closerlook.things import use
from closerlook.training.job import run_training
from closerlook.training.reach import modules_of
from closerlook.training.shapes import ShapeError

SPEC = Ensemble(
    dataset="small",
    image_size=4,
    examples=200,
    validation_examples=50,
    network="mlp",
    widths=(32, 32),
    batch_size=16,
    epochs=60,
    members=tuple(
        Member(seed=seed, noise=noise, level=float(noise != "none")) for noise in ("none", "randY") for seed in (0, 1)
    ),
    checkpoints=Checkpoints((0, 60), losses=(1.0,)),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A made-up data set in the 'data' layout, and its corrupted training sets."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=400).astype(np.uint8)
    images = np.clip(rng.normal(120, 40, (400, 1, 4, 4)) + 8 * labels[:, None, None, None], 0, 255).astype(np.uint8)
    arrays = {"train/images": images, "train/labels": labels, "test/images": images[:10], "test/labels": labels[:10]}
    with store.create(folder / "small.h5", "data") as file:
        for part, array in arrays.items():
            file[part] = array
        sums = {part: hashlib.sha256(array.tobytes()).hexdigest() for part, array in arrays.items()}
        store.write_attributes(
            file, name="small", licence="none", source="made up", sha256=json.dumps(sums), training=300, classes=10
        )
    for noise in ("none", "randY"):
        write_noise(
            folder / "small.h5",
            folder / f"{noise}.h5",
            image_size=4,
            examples=200,
            noise=noise,
            seeds=2,
        )
    return folder


def noise_files(folder):
    return {noise: folder / f"{noise}.h5" for noise in ("none", "randY")}


def train(files, output, **options):
    lines = []
    run_training(SPEC, files / "small.h5", noise_files(files), output, log=lines.append, **options)
    return lines


def test_the_file_says_what_was_trained_and_how_it_went(files, tmp_path):
    train(files, tmp_path / "trained.h5")
    with store.read(tmp_path / "trained.h5", "trained") as file:
        assert store.read_spec(file) == SPEC
        assert store.read_members(file)["noise"].tolist() == ["none", "none", "randY", "randY"]
        assert file["history/train_loss"].shape == (4, 60)
        assert file["checkpoints/epoch-60/weight0"].shape == (4, 32, 16)
        assert (file["history/train_loss"][:, -1] < file["history/train_loss"][:, 0]).all()
    assert [path.name for path in tmp_path.iterdir()] == ["trained.h5"], "the state beside it is removed"


def test_twice_the_same_bytes(files, tmp_path):
    for name in ("a.h5", "b.h5"):
        train(files, tmp_path / name)
        time.sleep(1.1)  # a time stamp would differ
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


CHILD = """
import sys
from pathlib import Path
from closerlook.spec import Ensemble
from closerlook.training.job import run_training
files, output, spec = sys.argv[1:]
noise = {name: Path(files, f"{name}.h5") for name in ("none", "randY")}
run_training(Ensemble.from_json(spec), Path(files, "small.h5"), noise, Path(output), resume_every=0.0)
"""


def test_sigkill_and_another_start_end_with_the_bytes_of_an_undisturbed_run(files, tmp_path):
    train(files, tmp_path / "whole.h5")
    output = tmp_path / "killed" / "trained.h5"
    output.parent.mkdir()
    sidecar = output.with_suffix(".resume.h5")
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(files), str(output), SPEC.to_json()])
    deadline = time.monotonic() + 60
    while not sidecar.exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, "the job ended before it could be killed"
    assert not output.exists()
    lines = train(files, output)
    assert any("going on after" in line for line in lines)
    assert output.read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert not sidecar.exists()


def test_noise_of_other_data_is_refused_before_training(files, tmp_path):
    copy = tmp_path / "none.h5"
    copy.write_bytes((files / "none.h5").read_bytes())
    with h5py.File(copy, "r+") as file:
        file.attrs["data_sha256"] = "0" * 64
    with pytest.raises(StoreError, match=r"none\.h5: its data_sha256"):
        run_training(SPEC, files / "small.h5", noise_files(files) | {"none": copy}, tmp_path / "trained.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["none.h5"]


def test_the_state_of_a_job_on_other_data_is_not_taken_up(files, tmp_path):
    output = tmp_path / "trained.h5"
    sidecar = output.with_suffix(".resume.h5")
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(files), str(output), SPEC.to_json()])
    deadline = time.monotonic() + 60
    while not sidecar.exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    child.kill()
    child.wait()
    changed = tmp_path / "randY.h5"
    changed.write_bytes((files / "randY.h5").read_bytes())
    with h5py.File(changed, "r+") as file:
        file["seed-0/noise_labels"][:] = 9 - file["seed-0/noise_labels"][:]
    lines = []
    run_training(SPEC, files / "small.h5", noise_files(files) | {"randY": changed}, output, log=lines.append)
    assert "trained.resume.h5: of another data; starting anew" in lines


OWN = {
    "nets/linear/__init__.py": """
from math import prod
from closerlook.nets.architecture import Architecture, Layer, dense

def layers(input_shape, widths, classes, options):
    yield Layer(dense(0, prod(input_shape), classes))

network = Architecture(words="softmax regression", layers=layers)
""",
    "nets/linear/run.py": """
from closerlook.nets.linear import network
from closerlook.nets.network import AutogradNetwork

class Linear(AutogradNetwork):
    architecture = network

    def outputs(self, parameters, inputs, perturbation, training):
        if perturbation is not None:
            inputs = perturbation.apply(0, inputs)
        return parameters["weight0"] @ inputs.flatten(2).mT + parameters["bias0"].unsqueeze(2)

build = Linear
""",
    "objectives/doubled.py": """
from closerlook.objectives.cross_entropy import CrossEntropy

class Doubled(CrossEntropy):
    def gradient(self, outputs, targets):
        return 2 * super().gradient(outputs, targets)

objective = Doubled()
""",
    "optimizers/steady.py": """
from closerlook.optimizers import Optimizer
from closerlook.optimizers.sgd import Descent

optimizer = Optimizer(words="as sgd", start=Descent, alike=("momentum",))
""",
    "regularizers/shift.py": """
from closerlook.regularizers import Perturbs, Regularizer
from closerlook.spec import NotNegative
from closerlook.things import Look

regularizer = Regularizer(
    words="shift", strength=NotNegative, meaning="of all inputs", look=Look("#000000", "o"),
    perturbs=Perturbs(site="inputs", draws="uniform", shift=lambda draws, size: draws.fill_(1.0).mul_(size)),
)
""",
}


def test_things_from_an_own_folder_are_trained_by_a_job_and_their_code_counts(files, tmp_path):
    for name, code in OWN.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(code)
    use([tmp_path])
    try:
        members = tuple(replace(member, regularizers={"shift": 0.5}) for member in SPEC.members[:2])
        things = {"network": "linear", "objective": "doubled", "optimizer": "steady", "widths": (8,)}
        spec = replace(SPEC, **things, members=members, epochs=5, checkpoints=Checkpoints((0, 5)))
        run_training(spec, files / "small.h5", noise_files(files), tmp_path / "trained.h5", log=lambda line: None)
        with store.read(tmp_path / "trained.h5", "trained") as file:
            assert file["checkpoints/epoch-5/weight0"].shape == (2, 10, 16)
            assert file["members/shift"][:].tolist() == [0.5, 0.5]
            assert (file["history/train_loss"][:, -1] < file["history/train_loss"][:, 0]).all()
        before, other = (fingerprint(*modules_of(one)) for one in (spec, SPEC))
        (tmp_path / "objectives" / "doubled.py").write_text(OWN["objectives/doubled.py"].replace("2 *", "3 *"))
        assert fingerprint(*modules_of(spec)) != before
        assert fingerprint(*modules_of(SPEC)) == other, "it is not that of another training"
    finally:
        use([])


TURNED = {name.replace("linear", "turned"): OWN[name] for name in OWN if name.startswith("nets/")}
TURNED["nets/turned/run.py"] = (
    TURNED["nets/turned/run.py"]
    .replace("nets.linear", "nets.turned")
    .replace("return parameters", "return (parameters")
    .replace("unsqueeze(2)", "unsqueeze(2)).mT")
)
MISSHAPEN = {
    "a network whose outputs are transposed": (
        {"network": "turned", "widths": (8,)},
        TURNED,
        r"turned: network turned gives outputs of shape \(2, 3, 10\); .* \(2, 10, 3\), which is \(member, class",
    ),
    "a loss of the batch": (
        {"objective": "averaged"},
        {"objectives/averaged.py": "losses(self, outputs, targets): return super().losses(outputs, targets).mean(1)"},
        r"averaged\.py: objective averaged gives losses of shape \(2,\); .* \(2, 3\), which is \(member, example\)",
    ),
    "a gradient of the label's output alone": (
        {"objective": "single"},
        {"objectives/single.py": "gradient(self, outputs, targets): return super().gradient(outputs, targets)[:, :1]"},
        r"single\.py: objective single gives a gradient of shape \(2, 1, 3\); wanted .* \(2, 10, 3\)",
    ),
    "an answer for the class": (
        {"objective": "answered"},
        {"objectives/answered.py": "correct(self, outputs, targets): return outputs > 0"},
        r"answered\.py: objective answered gives correct of shape \(2, 10, 3\); wanted .* \(2, 3\)",
    ),
    "no tensor": (
        {"objective": "listed"},
        {"objectives/listed.py": "losses(self, outputs, targets): return [0.0]"},
        r"listed\.py: objective listed gives losses as a list, no tensor; wanted",
    ),
}
OBJECTIVE = """
from closerlook.objectives.cross_entropy import CrossEntropy

class Own(CrossEntropy):
    def {}

objective = Own()
"""


@pytest.mark.parametrize("case", MISSHAPEN)
def test_tensors_of_wrong_shapes_are_refused_by_name_before_training(files, tmp_path, case):
    changes, sources, line = MISSHAPEN[case]
    for name, code in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(OBJECTIVE.format(code) if name.startswith("objectives") else code)
    use([tmp_path])
    try:
        with pytest.raises(ShapeError, match=line) as refused:
            run_training(replace(SPEC, **changes), files / "small.h5", noise_files(files), tmp_path / "trained.h5")
        assert "\n" not in str(refused.value)
        assert not (tmp_path / "trained.h5").exists()
    finally:
        use([])
