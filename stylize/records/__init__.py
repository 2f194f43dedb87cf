"""The small documents that steps leave in the store for the steps after them."""
