"""Repaint videos in the style of a painting, as a Dagster project of software-defined assets.

Nothing is imported here: ``defs`` lives in ``dagster_project.definitions``, and importing it from this file would make
``import assets`` circular.
"""
