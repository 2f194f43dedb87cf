"""Exact video handling: scan, split, encode, stitch, verify. Knows nothing of Dagster, stores or styles."""
