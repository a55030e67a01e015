"""The small AlexNet as a user of PyTorch would write it: the oracle of the tests of networks and of their training."""

import math

from torch import nn

NAMES = {  # of a module's own parameters and buffers, in ours
    "weight": "scale",
    "bias": "shift",
    "running_mean": "running_mean",
    "running_var": "running_variance",
}


class Pool(nn.MaxPool2d):
    """3 x 3 windows, stride 2, padded as TensorFlow's SAME is: the smallest number at the borders."""

    def __init__(self):
        super().__init__(3, 2)

    def forward(self, maps):
        margins = []
        for side in reversed(maps.shape[2:]):
            total = max((math.ceil(side / 2) - 1) * 2 + 3 - side, 0)
            margins += [total // 2, total - total // 2]
        return super().forward(nn.functional.pad(maps, margins, value=-math.inf))


def alexnet(input_shape, widths, classes):
    """Return the modules in order, for uncropped images."""
    channels, *sides = input_shape
    flat = math.prod(math.ceil(math.ceil((side - 4) / 2) / 2) for side in sides)
    return nn.Sequential(
        nn.ZeroPad2d(-2),
        nn.Conv2d(channels, widths[0], 5, padding="same", bias=False),
        nn.BatchNorm2d(widths[0]),
        nn.ReLU(),
        Pool(),
        nn.Conv2d(widths[0], widths[1], 5, padding="same", bias=False),
        nn.BatchNorm2d(widths[1]),
        nn.ReLU(),
        Pool(),
        nn.Flatten(),
        nn.Linear(widths[1] * flat, widths[2], bias=False),
        nn.BatchNorm1d(widths[2]),
        nn.ReLU(),
        nn.Linear(widths[2], widths[3], bias=False),
        nn.BatchNorm1d(widths[3]),
        nn.ReLU(),
        nn.Linear(widths[3], classes),
    )


def tensors(model):
    """Return the modules' parameters and running statistics under our names."""
    named, layer = {}, -1
    for module in model:
        if isinstance(module, nn.Conv2d | nn.Linear):
            layer += 1
            named[f"weight{layer}"] = module.weight
            if module.bias is not None:
                named[f"bias{layer}"] = module.bias
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            named |= {f"{ours}{layer}": getattr(module, theirs) for theirs, ours in NAMES.items()}
    return named
