"""The ``stylize`` command: the asset graph on one machine, in one process, on a local folder."""
