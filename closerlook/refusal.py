"""How input that is refused is spoken of: one printable line of bounded length, whatever the input holds."""

from __future__ import annotations

import reprlib

LONGEST = 400
"""Characters in a line; of a longer one the middle is left out, for the culprit stands first and the remedy last."""


class _Repr(reprlib.Repr):
    """`repr` with bounds on depth and length, which a value from a file may exceed by any factor."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, 80, 80

    def repr_int(self, value: int, level: int) -> str:
        """Return a whole number; Python itself refuses to write one of thousands of digits."""
        return f"a number of {value.bit_length()} bits" if value.bit_length() > 256 else super().repr_int(value, level)


_REPR = _Repr()


def shown(value: object) -> str:
    """Return a value as it may stand in a message."""
    return _REPR.repr(value)


def one_line(message: object) -> str:
    """Return a message as one printable line of at most `LONGEST` characters."""
    words = " ".join(str(message).split())
    if len(words) > LONGEST:
        words = f"{words[: LONGEST - 155]} ... {words[-150:]}"
    line = "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode() for char in words
    )
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 4]} ..."
