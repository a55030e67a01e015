"""Weight decay: the gradient of half the squared norm of all trained parameters is added to that of the loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from closerlook.regularizers import Regularizer
from closerlook.spec import NotNegative
from closerlook.things import Look

if TYPE_CHECKING:
    from torch import Tensor

    from closerlook.regularizers.setting import Setting


def decay(setting: Setting) -> Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], None]:
    """Return what adds the parameters, times their factor, to a gradient."""
    factor = setting.scale * setting.strength

    def add(parameters: Mapping[str, Tensor], gradient: Mapping[str, Tensor]) -> None:
        for name, part in gradient.items():
            part.addcmul_(parameters[name], factor.view(-1, *[1] * (part.dim() - 1)))

    return add


regularizer = Regularizer(
    words="weight decay",
    strength=NotNegative,
    meaning="factor of the parameters added to the gradient",
    look=Look("#999933", "v", 4),
    adds=decay,
)
