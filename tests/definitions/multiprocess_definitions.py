"""The definitions of a deployment whose steps have processes of their own."""

import os

from dagster_project.definitions import build_defs
from dagster_project.settings import load_settings

defs = build_defs(load_settings({**os.environ, "STYLIZE_EXECUTOR": "multiprocess"}))
