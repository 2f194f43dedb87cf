"""Bring the networks of one painting nearer to its strokes."""
