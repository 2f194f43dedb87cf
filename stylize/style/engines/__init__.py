"""Networks at work: on CPU or CUDA, in batches or strips, within the memory that there is."""
