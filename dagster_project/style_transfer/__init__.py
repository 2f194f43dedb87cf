"""Networks, losses, training and inference of style transfer; knows nothing of Dagster."""

import os

# Two runs that style side by side on one machine would spend their time spinning for each other's cores: two clips on
# 2 cores took 69 s instead of 23 s (and 32 s one after the other). OpenMP reads this once, when torch is loaded, and
# torch is loaded only from this package.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
