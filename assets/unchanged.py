"""Uploads that change nothing start nothing."""

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG  # under which events carry their data version

from stylize.records.uploads import VERSION_TAG


def is_known_upload(context: dg.AssetExecutionContext, data_version: str) -> bool:
    """Whether the upload sensor launched this run, and this partition was last materialized in this data version.

    To record it again would make every step downstream run again, 64 pods for nothing. A person who materializes the
    asset gets what was asked for, whether anything changed or not.
    """
    if VERSION_TAG not in context.run.tags:
        return False
    wanted = dg.AssetRecordsFilter(asset_key=context.asset_key, asset_partitions=[context.partition_key])
    records = context.instance.fetch_materializations(wanted, limit=1).records
    last = records[0].asset_materialization if records else None
    return last is not None and (last.tags or {}).get(DATA_VERSION_TAG) == data_version
