"""Where everything lies in the media store: the one home of object keys.

::

    landing/<name>                              what customers upload
    landing/styles/<style>.safetensors|.pth     checkpoints that users bring
    models/<style>/<digest>.safetensors|.pth    checkpoints in use
    models/<style>/style.json                   which one is current
    work/<clip>/registration.json               which upload the clip is
    work/<clip>/source.json                     which content was read last
    work/<clip>/settings.json                   how the clip shall look
    work/<clip>/<content>/original              snapshot of the content
    work/<clip>/<content>/manifest.json, plan.json, tracks-<v>.json
    work/<clip>/<content>/frames/<v>/…          lossless chunks and one record per segment
    work/<clip>/<content>/styled/<look>/…       styled chunks
    work/<clip>/<content>/styled/<segment>.json one record per segment
    delivery/<clip>/<delivery>/…                video, receipt.json, frames.parquet; never changed
    delivery/<clip>/latest.json                 the current delivery

``<content>``, ``<look>`` and ``<delivery>`` are the first 16 hex digits of SHA-256 digests.
"""

from dataclasses import dataclass

from dagster_project import code_versions

DIGEST_LENGTH = 16


def landing_key(name: str) -> str:
    """Where the upload ``name`` lies."""
    return f"landing/{name}"


def landing_style_key(style: str, suffix: str) -> str:
    """Where a user's own checkpoint for ``style`` lies; ``suffix`` with its dot."""
    return f"landing/styles/{style}{suffix}"


def model_key(style: str, sha256: str, suffix: str) -> str:
    """Where the checkpoint with that digest lies."""
    return f"models/{style}/{sha256[:DIGEST_LENGTH]}{suffix}"


def style_record_key(style: str) -> str:
    """Where it stands which checkpoint a style uses."""
    return f"models/{style}/style.json"


def registration_key(clip: str) -> str:
    """Where it stands which upload a clip is."""
    return f"work/{clip}/registration.json"


def source_record_key(clip: str) -> str:
    """Where it stands which content of a clip was read last."""
    return f"work/{clip}/source.json"


def settings_key(clip: str) -> str:
    """Where it stands how a clip shall look."""
    return f"work/{clip}/settings.json"


def latest_delivery_key(clip: str) -> str:
    """Where it stands which delivery of a clip is current."""
    return f"delivery/{clip}/latest.json"


def delivery_key(clip: str, delivery: str, name: str) -> str:
    """Where the file ``name`` of one delivery lies."""
    return f"delivery/{clip}/{delivery[:DIGEST_LENGTH]}/{name}"


@dataclass(frozen=True, slots=True)
class ContentKeys:
    """Keys of all that is made of one content of one clip."""

    clip: str
    sha256: str

    @property
    def prefix(self) -> str:
        """Common beginning of all these keys."""
        return f"work/{self.clip}/{self.sha256[:DIGEST_LENGTH]}"

    @property
    def original(self) -> str:
        """Snapshot of the uploaded file."""
        return f"{self.prefix}/original"

    @property
    def manifest(self) -> str:
        """The :class:`VideoManifest`."""
        return f"{self.prefix}/manifest.json"

    @property
    def plan(self) -> str:
        """The :class:`SegmentPlan`."""
        return f"{self.prefix}/plan.json"

    @property
    def tracks(self) -> str:
        """The digests of the audio tracks."""
        return f"{self.prefix}/tracks-{code_versions.TRACKS}.json"

    def frames_chunk(self, chunk: int) -> str:
        """One lossless chunk."""
        return f"{self.prefix}/frames/{code_versions.SPLIT}/{chunk:05d}.mkv"

    def frames_segment(self, segment: int) -> str:
        """Record of the lossless chunks of one segment."""
        return f"{self.prefix}/frames/{code_versions.SPLIT}/segment-{segment:03d}.json"

    def styled_chunk(self, look: str, chunk: int) -> str:
        """One styled chunk."""
        return f"{self.prefix}/styled/{look[:DIGEST_LENGTH]}/{chunk:05d}.mkv"

    def styled_segment(self, segment: int) -> str:
        """Record of the styled chunks of one segment, in the look it was given last."""
        return f"{self.prefix}/styled/segment-{segment:03d}.json"
