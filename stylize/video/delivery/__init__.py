"""The delivered file: which stream becomes what, packets in order, and the check of the result."""
