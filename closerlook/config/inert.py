"""What is asked for but cannot act: it would be accepted, trained for hours, and show nothing of what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from closerlook.config.layers import ConfigError
from closerlook.figures import measures_of
from closerlook.refusal import shown
from closerlook.things import ThingError


def without_effect(options: Any) -> Iterator[str]:
    """Yield what of an experiment's options cannot act within its epochs, each as "key: why, and what would".

    Parameters
    ----------
    options : ExperimentOptions
        One experiment at one scale.
    """
    epochs = options.epochs
    for name in ("learning_rate_schedule", "batch_size_schedule"):
        schedule = getattr(options, name)
        last = max(schedule.stages, default=0)
        if schedule.period is not None and last >= schedule.period:
            yield f"{name}: the stage at epoch {last} never comes, for the period is {schedule.period}"
        if last >= epochs:
            yield f"{name}: the stage at epoch {last} (from 0) never comes, for epochs is {epochs}; leave it out"
        if schedule.period is not None and schedule.period >= epochs:
            yield f"{name}: period {schedule.period} never ends, for epochs is {epochs}; leave it out"
    if options.evaluate_every > epochs:
        yield f"evaluate_every: {options.evaluate_every} is beyond the last epoch, {epochs}"
    if options.after_fit is not None and options.after_fit >= epochs:
        yield f"after_fit: {options.after_fit} ends no training of {epochs} epochs early; leave it out"


def require_useful(config: Any) -> None:
    """Refuse what only the machine that starts the run need look at: the data's folder, and the figures' modules.

    Parameters
    ----------
    config : Config
        What is to be done at a scale.

    Raises
    ------
    ConfigError
        If `data.folder` is no folder, there is no figure of a name, or one shows a measure that its experiments lack.
    """
    folder = config.data_folder()
    if folder is not None and not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "there is no such folder"
        raise ConfigError(f"{config.place('data', 'folder')}: {shown(config.data.folder)}: {problem}")
    for name, figure in config.figures.items():
        for measure in _measures(name, config.place(f"figures.{name}")):
            for experiment in figure.experiments:
                if measure not in config.experiments[experiment].measures:
                    place = config.place(f"figures.{name}", "experiments")
                    where = config.place(f"experiments.{experiment}", "measures")
                    raise ConfigError(
                        f"{place}: the figure shows the measure {measure}, which {experiment} has not; "
                        f"give it one ({where}), or leave the experiment out"
                    )


def _measures(figure: str, place: str) -> tuple[str, ...]:
    try:
        return measures_of(figure)
    except ThingError as error:
        raise ConfigError(f"{place}: {error}") from None
