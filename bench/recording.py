"""What every benchmark says of the machine, and where its table goes."""

from __future__ import annotations

import platform
from pathlib import Path

README = Path(__file__).parent / "README.md"


def processor() -> str:
    """Return the CPU's name."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    names = [line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()


def record(name: str, lines: list[str]) -> None:
    """Put lines between the markers of that name in bench/README.md."""
    opening, closing = f"<!-- {name} -->\n", f"<!-- end {name} -->"
    before, rest = README.read_text().split(opening)
    README.write_text(before + opening + "\n".join(lines) + "\n" + closing + rest.split(closing)[1])
