"""The files of reports: every table as Parquet, for programs, and as CSV, for people."""

import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from stylize.store.keys import clips_report_key, report_key, report_totals_key
from stylize.store.media_store import MediaStore

if TYPE_CHECKING:
    import pandas as pd


def write_clip_report(
    store: MediaStore, clip: str, delivery: str, tables: "Mapping[str, pd.DataFrame]", totals: Mapping[str, Any]
) -> dict[str, str]:
    """Store the tables of one delivery, and its totals as those of the clip.

    Returns:
        Where the CSV file of every table lies, and ``totals``.
    """
    for name, table in tables.items():
        _write_table(store, table, lambda suffix, name=name: report_key(clip, delivery, f"{name}{suffix}"))
    store.put(report_totals_key(clip), json.dumps(totals, indent=2).encode())
    places = {name: store.location(report_key(clip, delivery, f"{name}.csv")) for name in tables}
    return places | {"totals": store.location(report_totals_key(clip))}


def read_totals(store: MediaStore, clips: Iterable[str]) -> list[dict[str, Any]]:
    """The totals of clips that have a report, in the given order."""
    return [json.loads(store.read_bytes(key)) for clip in clips if store.stat(key := report_totals_key(clip))]


def write_clips_table(store: MediaStore, table: "pd.DataFrame") -> str:
    """Store the table of all clips, a row per clip; returns where its CSV file lies."""
    _write_table(store, table, lambda suffix: clips_report_key(f"clips{suffix}"))
    return store.location(clips_report_key("clips.csv"))


def find_clips_table(store: MediaStore) -> "pd.DataFrame | None":
    """The table of all clips as it was written last; None if there is none."""
    import pandas as pd

    key = clips_report_key("clips.parquet")
    return pd.read_parquet(io.BytesIO(store.read_bytes(key))) if store.stat(key) else None


def _write_table(store: MediaStore, table: "pd.DataFrame", key: Callable[[str], str]) -> None:
    parquet = io.BytesIO()
    table.to_parquet(parquet, index=False)
    store.put(key(".parquet"), parquet.getvalue())
    store.put(key(".csv"), table.to_csv(index=False).encode())
