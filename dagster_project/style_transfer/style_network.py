"""The networks that a style can have. What paints with them takes any."""

from dagster_project.style_transfer.network import TransformerNet
from dagster_project.style_transfer.quarter_network import QuarterNet

StyleNet = TransformerNet | QuarterNet
