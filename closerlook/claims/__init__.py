"""Claims of the papers as data (`claims.yaml`), their statistical tests, and the verdicts.

`catalogue` reads and checks the data, `estimates` turns independent values into an interval and an interval into a
verdict, `effects` and the modules of one topic hold the named tests, `judging` writes claims.json.
"""

from closerlook.claims.catalogue import Claim, ClaimError, load
from closerlook.claims.judging import judge
from closerlook.claims.tests import (  # noqa: F401 (each registers its tests)
    critical,
    differences,
    difficulty,
    regularizers,
    sensitivity,
    speed,
)

__all__ = ["Claim", "ClaimError", "judge", "load"]
