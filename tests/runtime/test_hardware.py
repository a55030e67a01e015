"""How many GPUs this process may use."""

import pytest

from closerlook.runtime import hardware


@pytest.mark.parametrize(
    ("files", "visible", "count"),
    [
        (0, "0", 0),
        (0, "0,1", 0),
        (0, None, 0),
        (2, None, 2),
        (2, "1", 1),
        (2, "", 0),
        (2, "-1", 0),
        (4, "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", 1),
        (1, "MIG-a/1/0,MIG-a/2/0", 1),
    ],
)
def test_a_gpu_is_one_that_is_there_and_visible(tmp_path, monkeypatch, files, visible, count):
    for number in range(files):
        (tmp_path / f"nvidia{number}").touch()
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr(hardware, "DEVICES", tmp_path)
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert hardware.count_gpus() == count
