"""The type checker of the tests: beartype, with int accepted where float is asked for, as PEP 484 says."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
