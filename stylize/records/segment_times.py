"""The times of a segment's frames in the store: one small table, which the report of the clip is made from."""

import io
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from stylize.errors import StoreError
from stylize.store.media_store import MediaStore

if TYPE_CHECKING:
    import pandas as pd


def write_segment_times(store: MediaStore, key: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Store a row per frame; rows of other frames that lie there, from an attempt that did not finish, are kept."""
    import pandas as pd

    new: Any = pd.DataFrame(list(rows))
    if new.empty:
        return
    before = find_segment_times(store, key)
    if before is not None:
        kept: Any = before[~before["frame"].isin(new["frame"])]
        new = pd.concat([kept, new]).sort_values(by="frame")
    content = io.BytesIO()
    new.astype({name: "float32" for name in new.columns if name != "frame"}).to_parquet(content, index=False)
    store.put(key, content.getvalue())


def find_segment_times(store: MediaStore, key: str) -> "pd.DataFrame | None":
    """The table at ``key``; None if there is none, or none that can be read."""
    import pandas as pd
    from pyarrow import ArrowException

    with suppress(StoreError, ArrowException, OSError):  # damage shows as either of the last two
        return pd.read_parquet(io.BytesIO(store.read_bytes(key)))
    return None
