"""The pool of steps that use a GPU where there is one: its limit is how many do so at once, in all runs together.

https://docs.dagster.io/guides/operate/managing-concurrency/concurrency-pools

Without a limit, as on a laptop, the pool holds nobody up.
"""

GPU_POOL = "gpu"
