"""The networks that a style can have. What paints with them takes any."""

from stylize.style.network.network import TransformerNet
from stylize.style.network.quarter_network import QuarterNet

StyleNet = TransformerNet | QuarterNet
