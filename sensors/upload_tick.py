"""One look at ``landing/``: what is decided in :mod:`sensors.upload_diff` and :mod:`sensors.upload_states` is done."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property

import dagster as dg

from assets.clip_wishes import ClipSettingsConfig, parse_wishes
from assets.final_video import find_current_delivery
from dagster_project.partitions import clips
from resources.stylizer import StylizerResource
from sensors.upload_diff import UploadDiff, diff_uploads
from sensors.upload_states import VersionWatch
from stylize.errors import PreconditionError, SettingsError, StoreError
from stylize.records.records import Registration, SourceRecord
from stylize.records.uploads import (
    VERSION_TAG,
    Upload,
    UploadLedger,
    UploadVersion,
    explain_rejection,
    find_uploads,
    read_sidecar,
)
from stylize.store.keys import landing_key, registration_key, rejection_key, sidecar_key, source_record_key
from stylize.store.media_store import MediaStore


class UploadTick:
    """One look at ``landing/``."""

    def __init__(self, context: dg.SensorEvaluationContext, store: MediaStore, stylizer: StylizerResource) -> None:
        """Work on ``store``."""
        self._context = context
        self._store = store
        self._stylizer = stylizer
        self._ledger = UploadLedger(store)
        self._states: Counter[str] = Counter()
        self._listed: set[str] = set()

    def evaluate(self) -> dg.SensorResult | dg.SkipReason:
        """Look, decide, record, and request runs."""
        objects = list(self._store.list(landing_key("")))
        self._listed = {info.key for info in objects}
        uploads = find_uploads(objects)
        if not uploads:
            return dg.SkipReason("There is no upload in landing/.")
        opened = list(self._ledger.read_open())
        requests = list(self._carry_on(opened, {upload.key: upload for upload in uploads}))
        diff = diff_uploads(
            uploads,
            known=self._ledger.versions(),
            watched=_watched(self._context.cursor),
            busy_clips={version.clip for version in opened},
        )
        requests += self._take_up(diff)
        summary = self._summary(diff)
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else summary,
            dynamic_partitions_requests=[clips.build_add_request([str(request.partition_key) for request in requests])],
            cursor=json.dumps([asdict(upload) for upload in diff.watched]),
        )

    @cached_property
    def _styles(self) -> list[str]:
        return self._stylizer.known(self._store)

    def _carry_on(self, opened: Iterable[UploadVersion], present: dict[str, Upload]) -> Iterator[dg.RunRequest]:
        watch = VersionWatch(store=self._store, instance=self._context.instance, present=present, now=datetime.now(UTC))
        for version in opened:
            step = watch.next_step(version)
            if step.version != version:
                self._record(step.version)
            if step.request:
                yield _request(step.version)

    def _take_up(self, diff: UploadDiff) -> Iterator[dg.RunRequest]:
        for upload in diff.gone:
            self._record(UploadVersion.of(upload, "superseded", reason="replaced or removed before it was read"))
        for upload in diff.new:
            version = self._first_record(upload)
            if version is None:
                continue
            if version.is_closed:
                self._record(version)
                continue
            # Before the record: a tick that fails in between begins anew, and one that fails after it carries on.
            Registration(landing_key=upload.key).write(self._store, registration_key(upload.clip))
            if rejection_key(upload.key) in self._listed:
                self._store.delete(rejection_key(upload.key))
            self._record(version)
            yield _request(version)

    def _first_record(self, upload: Upload) -> UploadVersion | None:
        """The record with which a version begins; None if its sidecar changed just now: the next tick sees to it."""
        if not upload.is_video:
            reason = f"{upload.key!r} does not have the ending of a video; expected one such as .mp4, .mov or .mkv"
            return UploadVersion.of(upload, "rejected", reason=reason)
        try:
            wishes = parse_wishes(
                read_sidecar(self._store, upload),
                name=sidecar_key(upload.key),
                styles=self._styles,
            )
        except PreconditionError:
            return None
        except SettingsError as error:
            return UploadVersion.of(upload, "rejected", reason=str(error))
        if upload.sidecar_etag is None and (sha256 := self._delivered_content(upload)):
            return UploadVersion.of(upload, "duplicate", reason="it was delivered before, by a command", sha256=sha256)
        return UploadVersion.of(upload, "requested", wishes=wishes.model_dump(exclude_none=True))

    def _delivered_content(self, upload: Upload) -> str | None:
        """SHA-256 of the upload if ``stylize video`` put it there and delivered it: then there is nothing to run."""
        source = SourceRecord.find(self._store, source_record_key(upload.clip))
        if source is None or (source.landing_key, source.etag) != (upload.key, upload.etag):
            return None
        return source.sha256 if find_current_delivery(self._store, upload.clip) else None

    def _record(self, version: UploadVersion) -> None:
        if version.state == "rejected":
            self._show_rejection(version)  # first: what is closed is not looked at again
        self._ledger.write(version)
        self._states[version.state] += 1
        name = version.landing_key.removeprefix(landing_key(""))
        self._context.log.info("%s: %s%s", name, version.state, f" ({version.reason})" if version.reason else "")

    def _show_rejection(self, version: UploadVersion) -> None:
        try:
            explain_rejection(self._store, version)
        except StoreError as error:
            if not error.permanent:
                raise
            # Some names are so long that nothing fits beside them. The reason also stands in the ledger and in the UI.
            self._context.log.warning("The reason cannot be put beside the upload: %s", error)
        self._context.instance.report_runless_asset_event(
            dg.AssetObservation(
                "source_video",
                description=f"Rejected: {version.reason}",
                metadata={"upload": self._store.location(version.landing_key), "reason": version.reason},
                partition=version.clip,
            )
        )

    def _summary(self, diff: UploadDiff) -> str:
        happened = [f"{count} {state}" for state, count in sorted(self._states.items())]
        waiting = [f"{len(diff.settling)} settling"] if diff.settling else []
        held = [f"{len(diff.held)} waiting for their turn"] if diff.held else []
        return f"{diff.num_uploads} uploads in landing/: {', '.join([*happened, *waiting, *held]) or 'nothing new'}."


def _watched(cursor: str | None) -> list[Upload]:
    return [Upload(**fields) for fields in json.loads(cursor)] if cursor else []


def _request(version: UploadVersion) -> dg.RunRequest:
    config = ClipSettingsConfig(**version.wishes).model_dump(exclude_none=True)
    ops = {"clip_settings": {"config": config}, "source_video": {"config": {"expected_etag": version.etag}}}
    return dg.RunRequest(
        run_key=version.run_key,
        partition_key=version.clip,
        run_config={"ops": ops},
        tags={VERSION_TAG: version.version},
    )
