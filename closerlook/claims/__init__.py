"""Claims of the papers as data (`claims.yaml`), their statistical tests, and the verdicts.

`catalogue` reads and checks the data before any job, without what the tests compute with; `values` knows what a column
can be; `tests` is the room of the named tests; `estimates` turns independent values into an interval and an interval
into a verdict; `judging` writes claims.json.
"""

from closerlook.claims.catalogue import Claim, ClaimError, load

__all__ = ["Claim", "ClaimError", "load"]
