"""Deliver one upload in a process of its own, on the store that the environment names, and say what memory it took.

``python -m tests.deliver_upload HOME NAME`` prints ``{"peak_mebibytes": 450.0}``.
"""

import json
import re
import resource
import sys
from pathlib import Path

from dagster_project.settings import load_settings
from resources.build import build_store
from tests.landing import open_landing


def _peak_mebibytes() -> float:
    """Of this process or its largest child.

    Linux counts to the peak of a process what its parent held when it started it: so VmHWM, which does not.
    """
    own = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(int(own[1]) if own else 0, children) / 1024


def main() -> None:
    home, name = Path(sys.argv[1]), sys.argv[2]
    (home / "instance").mkdir(parents=True)
    with build_store(load_settings()).process_config_and_initialize_cm() as store, open_landing(home, store) as landing:
        landing.deliver(name)
    print(json.dumps({"peak_mebibytes": round(_peak_mebibytes(), 1)}))  # noqa: T201


if __name__ == "__main__":
    main()
