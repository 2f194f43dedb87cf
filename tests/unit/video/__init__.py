"""Behaviour of the video package on real, tiny clips."""
