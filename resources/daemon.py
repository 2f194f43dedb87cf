"""Whether the process runs that starts everything by itself."""

import time

import dagster as dg

HEARTBEAT_SECONDS = 120.0
"""A daemon that lives gives a sign of life every 30 seconds."""


def daemon_lives(instance: dg.DagsterInstance) -> bool:
    """Whether a Dagster daemon of this instance gave a sign of life of late, on whatever machine."""
    beats = instance.get_daemon_heartbeats().values()
    return any(time.time() - beat.timestamp < HEARTBEAT_SECONDS for beat in beats)
