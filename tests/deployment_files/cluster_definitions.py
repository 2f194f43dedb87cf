"""The definitions as the code server of k8s/values.yaml loads them."""

from dagster_project.definitions import build_defs
from dagster_project.settings import load_settings
from k8s import chart
from k8s.documents import values

defs = build_defs(load_settings(chart.code_location(values())["env"]))
