"""Every module of the library can be imported where there is no Dagster and no Kubernetes."""

import subprocess
import sys

PROGRAM = """
import importlib, os, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"dagster", "dagster_shared", "dagster_k8s", "kubernetes", "dagster_project"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import stylize
names = [module.name for module in pkgutil.walk_packages(stylize.__path__, "stylize.")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def test_every_module_of_the_library_can_be_imported_without_dagster_and_kubernetes() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 80
