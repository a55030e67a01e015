"""Optimisers: what a stack asks of them, and one from outside the tree."""

import numpy as np
import pytest
import torch
from problems import CLASSES, SIDE, problem, spec
from torch.nn import functional

from closerlook.nets.mlp.run import MLP
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.optimizers import OPTIMIZERS
from closerlook.runtime.resume import Sidecar
from closerlook.runtime.streams import generator, stream_seed
from closerlook.spec import Checkpoints, Member
from closerlook.things import use
from closerlook.training.grouping import plan_stacks
from closerlook.training.reach import modules_of
from closerlook.training.replay import ReplayError, require_plain
from closerlook.training.trainer import train_ensemble

NETWORK = MLP((1, SIDE, SIDE), (8, 6), CLASSES)

ADAM = '''"""Adam (Kingma and Ba, 2015), as torch.optim has it."""
from closerlook.optimizers import Optimizer


class Adam:
    def __init__(self, parameters):
        self.names = list(parameters)
        parts = ("first", "second", "gradient")
        self.state = {f"{part}/{name}": p.new_zeros(p.shape) for part in parts for name, p in parameters.items()}
        self.state["steps"] = next(iter(parameters.values())).new_zeros(len(next(iter(parameters.values()))))

    def begin_epoch(self, members, factor, before):
        self.scale = self.state["steps"].new_ones(len(members))
        self.rate = factor * self.scale.new_tensor([member.learning_rate for member in members])

    def step(self, parameters, gradient):
        into = {name: self.state[f"gradient/{name}"] for name in self.names}
        gradient(into, 0.0)
        self.state["steps"] += 1
        for name, slope in into.items():
            lead = (-1, *[1] * (slope.dim() - 1))
            first, second = self.state[f"first/{name}"], self.state[f"second/{name}"]
            first.lerp_(slope, 0.1)
            second.lerp_(slope * slope, 0.001)
            steps = self.state["steps"].view(lead)
            size = (second / (1 - 0.999**steps)).sqrt_().add_(1e-8)
            parameters[name].sub_(self.rate.view(lead) / (1 - 0.9**steps) * first / size)


optimizer = Optimizer(words="Adam", start=Adam, state=3)
'''


@pytest.fixture
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "optimizers").mkdir()
    (folder / "optimizers" / "adam.py").write_text(ADAM)
    use([folder])
    yield folder
    use([])


MEMBERS = Member(learning_rate=0.01), Member(seed=1, learning_rate=0.003, momentum=0.2)


def test_an_optimizer_from_an_own_folder_is_that_of_torch(own):
    one, data = spec(*MEMBERS, optimizer="adam", epochs=5), problem(2)
    assert set(OPTIMIZERS.names()) == {"adam", "sgd"}
    assert plan_stacks(one, NETWORK.size, NETWORK.tape_size(1), "cpu") == [[0, 1]], "it knows no momentum"
    record = train_ensemble(one, NETWORK, CrossEntropy(), data)
    for number, member in enumerate(MEMBERS):
        leaf = NETWORK.initialise([stream_seed("weights", member.seed)]).requires_grad_()
        optimizer = torch.optim.Adam([leaf], lr=member.learning_rate)
        for epoch in range(one.epochs):
            order = torch.randperm(one.examples, generator=generator("order", member.seed, epoch))
            for chosen in order.split(one.batch_size):
                optimizer.zero_grad()
                outputs = NETWORK.differentiable_outputs(leaf, data.pool[chosen][None])[0].T
                functional.cross_entropy(outputs, data.labels[number, chosen]).backward()
                optimizer.step()
        outputs = NETWORK.forward(leaf.detach(), data.pool[None])[0][0].T
        loss = functional.cross_entropy(outputs, data.labels[number]).item()
        assert record.histories["train_loss"][number, -1] == pytest.approx(loss, rel=1e-4)


def test_no_derivative_is_taken_through_steps_that_are_not_plain(own):
    plain = Member(momentum=0.0)
    with pytest.raises(ReplayError, match="needs plain SGD, which optimizer adam is not"):
        require_plain(spec(plain, optimizer="adam"), plain)
    require_plain(spec(plain), plain)


def test_its_state_goes_through_a_resume_file_and_is_dropped_with_its_members(own, tmp_path):
    class Killed(Exception):
        pass

    one = spec(*MEMBERS, optimizer="adam", epochs=30, after_fit=1, checkpoints=Checkpoints((0,), True))
    told = []

    def kill(epochs):
        told.append(epochs)
        if len(told) == 20:
            raise Killed

    undisturbed = train_ensemble(one, NETWORK, CrossEntropy(), problem(2)).arrays()
    assert len(set(undisturbed["epochs"])) == 2, "one is done before the other"
    sidecar = Sidecar(tmp_path / "trained.resume.h5", {"spec": "s"}, 0.0, lambda line: None)
    with pytest.raises(Killed):
        train_ensemble(one, NETWORK, CrossEntropy(), problem(2), kill, sidecar)
    resumed = train_ensemble(one, NETWORK, CrossEntropy(), problem(2), sidecar=sidecar).arrays()
    for name, values in undisturbed.items():
        np.testing.assert_array_equal(resumed[name], values, name)


def test_a_training_reaches_the_things_that_it_uses_and_no_others():
    one = spec(Member(regularizers={"lass": 0.5}), objective="offset")
    assert set(modules_of(one)) == {
        "closerlook.nets.mlp",
        "closerlook.nets.mlp.run",
        "closerlook.objectives.offset",
        "closerlook.optimizers.sgd",
        "closerlook.regularizers.lass",
    }
