import subprocess
import sys


def test_threads_that_wait_leave_the_cores_to_other_runs() -> None:
    code = "import stylize.style.engines.engine, os; print(os.environ['OMP_WAIT_POLICY'])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "PASSIVE\n"
