import pytest

from closerlook.runtime.joblog import job_log
from closerlook.store import StoreError


def test_expected_failure_is_one_line_and_the_log_has_the_rest(tmp_path):
    path = tmp_path / "job.log"
    with pytest.raises(SystemExit) as stop, job_log(path) as log:
        log("begun")
        raise StoreError("x.h5: damaged,\ndelete it")
    assert stop.value.code == "error: x.h5: damaged, delete it"
    assert path.read_text().startswith("begun\nerror: x.h5: damaged, delete it\nTraceback")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "error: out of memory"),
        (MemoryError("Unable to allocate 24 TiB"), "error: Unable to allocate 24 TiB"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
            "error: DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.",
        ),
        (RuntimeError("CUDA out of memory. Tried"), "error: CUDA out of memory. Tried"),
    ],
)
def test_too_little_memory_is_one_line(tmp_path, error, line):
    with pytest.raises(SystemExit) as stop, job_log(tmp_path / "job.log"):
        raise error
    assert stop.value.code == line


def test_another_runtime_error_passes_through(tmp_path):
    with pytest.raises(RuntimeError, match="defect"), job_log(tmp_path / "job.log"):
        raise RuntimeError("defect")


def test_a_defect_of_ours_passes_through(tmp_path):
    with pytest.raises(KeyError), job_log(tmp_path / "job.log"):
        raise KeyError("defect")
