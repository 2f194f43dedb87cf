"""Run a function over untrusted input in a child process, within limits."""
