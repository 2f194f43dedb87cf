"""Dagster's SQLite storage without what it makes anew for every event and for every run.

An engine per event compiles every statement again, and an environment of Alembic per run reads all its migrations: half
of what a delivery of a tiny clip takes. The databases, and what is written to them, are the same.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import sqlalchemy
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage

STORAGES: list[ModuleType] = [sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage]


def be_quick() -> None:
    """Keep engines by their address, and migrations by their folder, for the life of this process."""
    create_engine = _kept(sqlalchemy.create_engine, key=lambda url, **_: url)
    for storage in STORAGES:
        assert "create_engine" in vars(storage)
        vars(storage)["create_engine"] = create_engine
    read_migrations = _kept(ScriptDirectory.from_config, key=lambda config: config.get_main_option("script_location"))
    ScriptDirectory.from_config = staticmethod(read_migrations)


def _kept(make: Callable[..., Any], *, key: Callable[..., Any]) -> Callable[..., Any]:
    made: dict[Any, Any] = {}

    def get(*arguments: Any, **options: Any) -> Any:
        found = key(*arguments, **options)
        if found not in made:
            made[found] = make(*arguments, **options)
        return made[found]

    return get
