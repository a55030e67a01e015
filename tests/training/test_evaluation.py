"""Every member is validated on its own images, whoever stands beside it."""

from dataclasses import replace

import torch
from problems import CLASSES, SIDE, problem, spec

from closerlook import nets
from closerlook.objectives import OBJECTIVES
from closerlook.training.evaluation import evaluate_validation

ROWS = torch.tensor([[3, 1, 7, 2], [0, 9, 7, 5], [3, 1, 7, 2]])


def test_members_are_validated_on_their_own_images():
    network, objective = nets.build(spec(), (1, SIDE, SIDE), CLASSES), OBJECTIVES["cross_entropy"]
    parameters = network.initialise([4, 5, 6])
    data = replace(problem(3), validation_rows=ROWS)
    losses, right = evaluate_validation(network, objective, parameters, data)
    for member, rows in enumerate(ROWS):
        outputs, _ = network.forward(parameters[member : member + 1], data.validation_inputs[rows][None])
        labels = data.validation_labels[rows]
        torch.testing.assert_close(
            losses[member], torch.nn.functional.cross_entropy(outputs[0].T, labels, reduction="none")
        )
        assert torch.equal(right[member], outputs[0].argmax(dim=0) == labels)


def test_members_that_are_selected_keep_their_images():
    selected = replace(problem(3), validation_rows=ROWS).select(torch.tensor([2, 1]))
    assert torch.equal(selected.validation_rows, ROWS[[2, 1]])
    assert torch.equal(problem(3).validation_rows, torch.arange(10).expand(3, -1))  # of none in particular: all
