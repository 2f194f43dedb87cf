"""What processing took: tables, figures and plots. Knows nothing of Dagster or of the store."""
