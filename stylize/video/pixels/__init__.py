"""Upright RGB out of decoded frames, and 4:2:0 out of styled RGB."""
