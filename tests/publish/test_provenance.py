"""What `provenance.json` refuses."""

import numpy as np
import pytest

from closerlook import store
from closerlook.publish.provenance import write_provenance


def test_a_data_set_that_is_not_known_here_is_no_damage(tmp_path):
    data = tmp_path / "digits.h5"
    with store.create(data, "data") as file:
        for part in ("train", "test"):
            file[f"{part}/images"] = np.zeros((1, 1, 2, 2), np.uint8)
            file[f"{part}/labels"] = np.zeros(1, np.uint8)
        store.write_attributes(file, name="digits", licence="", source="", sha256="{}", training=1, classes=2)
    with pytest.raises(store.StoreError, match=r"digits\.h5: holds 'digits', a .*things\.use") as refused:
        write_provenance('{"scale": "smoke"}', [], [data], tmp_path / "provenance.json")
    assert "delete" not in str(refused.value)
