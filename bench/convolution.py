"""Ways to take a training step of several small AlexNets.

One after the other, grouped, by vmap; on a GPU also on streams and as a CUDA graph. A step here is the forward pass in
training and the gradient by all parameters; every way gives the same gradient, which is checked first. Milliseconds a
network, medians, the ways in turn. `--record` writes the table into bench/README.md.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from statistics import median

os.environ.setdefault("MKL_CBWR", "AUTO")  # as every training job has it

import torch
from recording import processor, record
from torch import Tensor
from torch.nn import functional

from closerlook.nets.alexnet import CONVOLUTIONS, CROP, HIDDEN
from closerlook.nets.alexnet.run import SmallAlexNet
from closerlook.nets.normalization import EPSILON
from closerlook.objectives.cross_entropy import CrossEntropy

CASES = (
    (8, (1, 14, 14), (8, 8, 32, 16), 32),
    (8, (1, 28, 28), (16, 16, 64, 32), 32),
    (8, (3, 32, 32), (32, 32, 96, 48), 64),
    (2, (3, 32, 32), (200, 200, 384, 192), 32),
)
ROUNDS = 7
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
Parts = dict[str, Tensor]


def normalize(parts: Parts, layer: int, hidden: Tensor) -> Tensor:
    """Return the activation normalised with its batch's statistics; the running ones are left out of all rivals."""
    scale, shift = parts[f"scale{layer}"].flatten(), parts[f"shift{layer}"].flatten()
    return functional.relu_(functional.batch_norm(hidden, None, None, scale, shift, training=True, eps=EPSILON))


def pool(hidden: Tensor) -> Tensor:
    """Return the largest of 3 x 3, at every second place."""
    return functional.max_pool2d(hidden, 3, 2, tuple(side % 2 for side in hidden.shape[-2:]), ceil_mode=True)


def one(parts: Parts, images: Tensor) -> Tensor:
    """Return one network's outputs (batch, class) from its own parameters."""
    hidden = images[..., CROP:-CROP, CROP:-CROP]
    for layer in range(HIDDEN):
        if layer < CONVOLUTIONS:
            hidden = pool(normalize(parts, layer, functional.conv2d(hidden, parts[f"weight{layer}"], padding=2)))
        else:
            hidden = normalize(parts, layer, functional.linear(hidden.flatten(1), parts[f"weight{layer}"]))
    return functional.linear(hidden, parts[f"weight{HIDDEN}"], parts[f"bias{HIDDEN}"])


def apart(parts: Parts, count: int) -> list[Parts]:
    """Return every member's own parameters."""
    members = {name: part.unbind() for name, part in parts.items()}
    return [{name: own[member] for name, own in members.items()} for member in range(count)]


def loop(parts: Parts, inputs: Tensor) -> Tensor:
    """One network after the other, channels first."""
    return torch.stack([one(*member) for member in zip(apart(parts, len(inputs)), inputs, strict=True)])


def streams(parts: Parts, inputs: Tensor) -> Tensor:
    """One network after the other, each on a CUDA stream of its own; autograd runs backward on the same ones."""
    current, outputs = torch.cuda.current_stream(), []
    for own, images in zip(apart(parts, len(inputs)), inputs, strict=True):
        side = torch.cuda.Stream()
        side.wait_stream(current)
        with torch.cuda.stream(side):
            outputs.append(one(own, images))
        current.wait_stream(side)
    return torch.stack(outputs)


def grouped(parts: Parts, inputs: Tensor) -> Tensor:
    """All networks' channels side by side: grouped convolutions, batched matrix products."""
    count = len(inputs)
    hidden = inputs[..., CROP:-CROP, CROP:-CROP].transpose(0, 1).flatten(1, 2)
    for layer in range(CONVOLUTIONS):
        weight = parts[f"weight{layer}"].flatten(0, 1)
        hidden = pool(normalize(parts, layer, functional.conv2d(hidden, weight, padding=2, groups=count)))
    hidden = hidden.unflatten(1, (count, -1)).transpose(0, 1).flatten(2)
    for layer in range(CONVOLUTIONS, HIDDEN):
        hidden = (hidden @ parts[f"weight{layer}"].mT).transpose(0, 1).flatten(1)
        hidden = normalize(parts, layer, hidden).unflatten(1, (count, -1)).transpose(0, 1)
    return hidden @ parts[f"weight{HIDDEN}"].mT + parts[f"bias{HIDDEN}"].unsqueeze(1)


def mapped(parts: Parts, inputs: Tensor) -> Tensor:
    """`torch.func.vmap` of one network."""
    return torch.func.vmap(one)(parts, inputs)


def by_autograd(
    forward: Callable[[Parts, Tensor], Tensor], net: SmallAlexNet, parameters: Tensor, inputs: Tensor, targets: Tensor
) -> Callable[[], Parts]:
    """Return a step of a rival: its gradients by name."""
    leaves = {
        name: part.clone().requires_grad_() for name, part in net.views(parameters).items() if name in net.trained
    }

    def step() -> Parts:
        outputs = forward(leaves, inputs).mT
        loss = functional.cross_entropy(outputs, targets, reduction="sum")
        return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))

    return step


def ours(net: SmallAlexNet, parameters: Tensor, inputs: Tensor, targets: Tensor) -> Callable[[], Parts]:
    """Return the step of the trainer: one after the other, channels last, running statistics updated."""
    objective = CrossEntropy()
    into = {name: torch.zeros_like(part) for name, part in net.views(parameters).items() if name in net.trained}
    parameters = parameters.clone()

    def step() -> Parts:
        outputs, tape = net.forward(parameters, inputs, None, True)
        net.backward(tape, objective.gradient(outputs, targets), into, keep=0.0)
        net.update_statistics(parameters, tape)
        return into

    return step


def captured(step: Callable[[], Parts]) -> Callable[[], Parts]:
    """Return a step that replays what another one launches, as one CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = step()

    def replay() -> Parts:
        graph.replay()
        return result

    return replay


def steps(networks: int, shape: tuple[int, ...], widths: tuple[int, ...], batch: int) -> dict[str, Callable[[], Parts]]:
    """Return every way's step on the same networks and examples."""
    generator = torch.Generator().manual_seed(0)
    net = SmallAlexNet(shape, widths, 10)
    inputs = torch.randn(networks, batch, *shape, generator=generator).to(DEVICE)
    targets = torch.randint(10, (networks, batch), generator=generator).to(DEVICE)
    arguments = net, net.initialise(range(networks)).to(DEVICE), inputs, targets
    ways = {
        "closerlook": ours(*arguments),
        "loop, channels first": by_autograd(loop, *arguments),
        "grouped": by_autograd(grouped, *arguments),
        "vmap": by_autograd(mapped, *arguments),
    }
    if DEVICE.type == "cuda":
        ways["loop on streams"] = by_autograd(streams, *arguments)
        ways["closerlook as a CUDA graph"] = captured(ours(*arguments))
    return ways


def seconds(step: Callable[[], Parts]) -> float:
    """Return what a step takes: CPU time, or on a GPU the time until it is idle again."""
    clock = time.process_time if DEVICE.type == "cpu" else time.perf_counter
    start = clock()
    step()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def check(ways: dict[str, Callable[[], Parts]]) -> None:
    """Raise unless all ways give the same gradients, up to the few maxima and signs that rounding decides."""
    first, *others = ({name: part.clone() for name, part in step().items()} for step in ways.values())
    for way, other in zip(list(ways)[1:], others, strict=True):
        for name, part in other.items():
            if not (part - first[name]).norm() <= 0.01 * first[name].norm():
                raise AssertionError(f"{way}: another gradient of {name}")


def main() -> None:
    """Time every case and print, or record, the table."""
    torch.set_num_threads(1)
    table, names = [], []
    for case in CASES:
        ways = steps(*case)
        check(ways)
        repeats = max(1, round(0.2 / seconds(ways["closerlook"])))
        rounds = [
            {name: sum(seconds(step) for _ in range(repeats)) for name, step in ways.items()} for _ in range(ROUNDS)
        ]
        networks, shape, widths, batch = case
        cells = [f"{median(times[name] for times in rounds) / repeats / networks * 1e3:.2f}" for name in ways]
        names = list(ways)
        label = f"{networks} × {'×'.join(map(str, shape))}, {'-'.join(map(str, widths))}, batch {batch}"
        table.append(f"| {label} | {' | '.join(cells)} |")
        print(table[-1], flush=True)
    where = f"One thread of {processor()}" if DEVICE.type == "cpu" else torch.cuda.get_device_name()
    lines = [
        f"{where}, torch {torch.__version__}; ms a network and step, medians of {ROUNDS} rounds, the ways in turn.",
        "",
        f"| networks | {' | '.join(names)} |",
        "|---" * (len(names) + 1) + "|",
        *table,
    ]
    print("\n".join(lines))
    if "--record" in sys.argv:
        record("convolution", lines)


if __name__ == "__main__":
    main()
