"""Networks, refining, inference and measures of style transfer; knows nothing of Dagster."""

import os
import sys

# Two runs that style side by side on one machine would spend their time spinning for each other's cores: two clips on
# 2 cores took 69 s instead of 23 s (and 32 s one after the other). OpenMP reads this once, when torch is loaded, and
# torch is loaded only from this package.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# openvino sends statistics of its use where this package, which it requires, can be imported. It does without.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # what an import of it shall find: nothing

# Read by the first allocation on a GPU: blocks that can grow, so that smaller batches fit into what larger ones left.
os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
