"""Whether things keep to what their rooms ask for: `closerlook check` tries each thing of an own folder, in seconds.

Every thing is read and imported. What can be tried without knowing what it is for is tried: `components` on a few
numbers (noises, networks, objectives, optimisers, regularisers), `measuring` in a small training from data to file.
Our own things pass the same checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from closerlook.config.checking import ConfigError
from closerlook.config.names import require_names
from closerlook.config.papers import has_room, read_paper
from closerlook.conformance import components, declarations, measuring
from closerlook.conformance.lightness import hold_light
from closerlook.refusal import one_line
from closerlook.runtime.device import prepare_device
from closerlook.things import ROOMS, ThingError, misnamed, room, use

TRIALS: dict[str, Callable[[str], str | None]] = {
    "data.sets": declarations.try_data_set,
    "data.noise": components.try_noise,
    "nets": components.try_network,
    "objectives": components.try_objective,
    "optimizers": components.try_optimizer,
    "regularizers": components.try_regularizer,
    "measures": measuring.try_measure,
    "tables": declarations.try_table,
    "figures": declarations.try_figure,
    "claims.tests": declarations.try_claim_tests,
}
"""What is tried of a thing of each room; raises a `ThingError` on what is wrong, and returns what was left untried."""


@dataclass(frozen=True)
class Finding:
    """A thing, such as ``nets/residual``; what is wrong with it, in one line, if anything; and what was not tried."""

    thing: str
    problem: str = ""
    untried: str = ""


def check_folder(folder: str | Path) -> Iterator[Finding]:
    """Yield what is found of each thing of a folder.

    A paper's folder counts as one thing more: its `paper.yaml`.

    Raises
    ------
    ConfigError
        If there is no such folder, or no room in it.
    """
    place = Path(folder).expanduser().resolve()
    if not place.is_dir():
        raise ConfigError(f"{folder}: no such folder")
    if not has_room(place):
        raise ConfigError(f"{folder}: holds nothing to check; it needs one of the folders {', '.join(ROOMS.values())}")
    use([place])
    if (place / "paper.yaml").exists():
        yield _found("paper.yaml", lambda: read_paper(place) and None)
    for inside, of_room in ROOMS.items():
        for name in _things(inside, place / of_room):
            yield check(inside, name)
        for path, better in misnamed(place / of_room).items() if (place / of_room).is_dir() else ():
            yield Finding(f"{of_room}/{path.name}", f"is not found, for that is no Python name: call it {better}")


def check(inside: str, name: str) -> Finding:
    """Return what is found of a thing of a room, which `closerlook.things.ROOMS` has."""
    return _found(f"{ROOMS[inside]}/{name}", lambda: _try(inside, name))


def _try(inside: str, name: str) -> str | None:
    prepare_device(gpus=0)
    things = room(inside)
    if not things.summary(name):
        raise ThingError("needs a docstring, whose first paragraph says what it is")
    path = things.path(name)
    for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
        require_names(source)
    things.module(name)
    things.run(name)
    hold_light(inside, name)
    return TRIALS[inside](name)


def _found(thing: str, trial: Callable[[], str | None]) -> Finding:
    try:
        return Finding(thing, untried=trial() or "")
    except Exception as error:  # whatever a thing's code does, it is that thing's fault, and one line
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        return Finding(thing, problem=f"{kind}{one_line(error)}".strip())


def _things(inside: str, place: Path) -> list[str]:
    """Return the names of a room's things that lie in a folder."""
    if not place.is_dir():
        return []
    known = set(room(inside).names())
    return sorted({path.name.removesuffix(".py") for path in place.iterdir()} & known)
