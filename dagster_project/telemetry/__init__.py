"""Figures for Prometheus, read from Dagster's own storage: step pods are gone before anybody could scrape them."""
