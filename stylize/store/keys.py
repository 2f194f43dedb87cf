"""Where everything lies in the media store: the one home of object keys.

::

    landing/<name>                              what customers upload
    landing/<name>.json                         what they wish for it
    landing/<name>.rejected.json                why it cannot be delivered
    landing/styles/<style>.safetensors|.pth     checkpoints that users bring
    landing/styles/<style>.jpg|.png|…           pictures of paintings, each a style
    models/<style>/<digest>.safetensors|.pth    checkpoints in use
    models/<style>/style.json                   which one is current
    models/<style>/refining/<order>/…           checkpoints, previews and sample of refining it once
    models/content/…                            photographs to refine with
    uploads/open|closed/<clip>/<version>.json   what became of every version of an upload
    clips/<clip>/registration.json              which upload the clip is
    clips/<clip>/source.json                    which content was read last
    clips/<clip>/settings.json                  how the clip shall look
    clips/<clip>/quote.json, approval.json      what it is expected to cost, and that somebody allowed it
    clips/<clip>/report.json                    what its last delivery took, in all
    clips/<clip>/reports/<delivery>/…           the same per frame, segment and try
    clips/_all/…                                the report on all clips
    clips/<clip>/<content>/manifest.json, plan.json, tracks-<v>.json
    work/<clip>/progress/<stage>-<segment>.json how far a step is that is executed now
    work/<clip>/<content>/original              snapshot of the content
    work/<clip>/<content>/frames/<v>/…          lossless chunks and one record per segment
    work/<clip>/<content>/styled/<look>/…       styled chunks, times of their frames, statistics of shots, attempts
    work/<clip>/<content>/styled/<segment>.json one record per segment
    work/<clip>/<content>/previews/…            source and delivery side by side
    delivery/<clip>/<delivery>/…                video, receipt.json, frames.parquet; never changed
    delivery/<clip>/latest.json                 the current delivery
    delivery/<clip>/index.html                  the same, for people: a page that shows and links it

``<content>``, ``<look>``, ``<delivery>`` and ``<order>`` are the first 16 hex digits of SHA-256 digests.

``work/`` holds only what can be made again from the upload: it is what a retired clip loses, and what the storage
account's lifecycle rule deletes by age. Such a rule knows nothing but prefixes, so whatever must stay lies elsewhere.
"""

from dataclasses import dataclass

from stylize import code_versions

DIGEST_LENGTH = 16

LANDING_STYLES = "landing/styles/"
PHOTOGRAPHS = "models/content/"

RESERVED_STYLES = frozenset({"content"})
"""Names that no style can have: a folder of something else lies there."""

_WRITERS = {"original": "source_video", "frames": "frames", "styled": "styled_frames", "previews": "final_video"}


def writer_of(key: str) -> str:
    """The asset, and its clip or style, that writes the object with this key again, in words for a message."""
    match key.split("/"):
        case ["work", clip, _, part, *_] if part in _WRITERS:
            return f"{_WRITERS[part]} of clip {clip!r}"
        case ["models", style, _]:
            return f"style_model of style {style!r}"
    return "the asset that wrote it"


def landing_key(name: str) -> str:
    """Where the upload ``name`` lies."""
    return f"landing/{name}"


def sidecar_key(upload: str) -> str:
    """Where the wishes for the upload with this key lie."""
    return f"{upload}.json"


def rejection_key(upload: str) -> str:
    """Where it stands why the upload with this key was rejected."""
    return f"{upload}.rejected.json"


def open_upload_key(clip: str = "", version: str = "") -> str:
    """Where the record of a version that is worked on lies; without arguments, the beginning of all such keys."""
    return f"uploads/open/{clip}/{version}.json" if clip else "uploads/open/"


def closed_upload_key(clip: str = "", version: str = "") -> str:
    """Where the record of a version whose end is known lies; without arguments, the beginning of all such keys."""
    return f"uploads/closed/{clip}/{version}.json" if clip else "uploads/closed/"


def landing_style_key(style: str, suffix: str) -> str:
    """Where a user's own checkpoint for ``style`` lies; ``suffix`` with its dot."""
    return f"{LANDING_STYLES}{style}{suffix}"


def model_key(style: str, sha256: str, suffix: str) -> str:
    """Where the checkpoint with that digest lies."""
    return f"models/{style}/{sha256[:DIGEST_LENGTH]}{suffix}"


def style_record_key(style: str) -> str:
    """Where it stands which checkpoint a style uses."""
    return f"models/{style}/style.json"


def refining_key(style: str, order: str, name: str) -> str:
    """Where the file ``name`` of refining a style lies; ``order`` is the digest of what was asked for."""
    return f"models/{style}/refining/{order[:DIGEST_LENGTH]}/{name}"


def registration_key(clip: str) -> str:
    """Where it stands which upload a clip is."""
    return f"clips/{clip}/registration.json"


def source_record_key(clip: str) -> str:
    """Where it stands which content of a clip was read last."""
    return f"clips/{clip}/source.json"


def report_totals_key(clip: str) -> str:
    """What the last delivery of a clip took, in all."""
    return f"clips/{clip}/report.json"


def report_key(clip: str, delivery: str, name: str) -> str:
    """Where the file ``name`` of the report on one delivery lies."""
    return f"clips/{clip}/reports/{delivery[:DIGEST_LENGTH]}/{name}"


def clips_report_key(name: str) -> str:
    """Where the file ``name`` of the report on all clips lies. No clip is called so: its name has no underscore."""
    return f"clips/_all/{name}"


def settings_key(clip: str) -> str:
    """Where it stands how a clip shall look."""
    return f"clips/{clip}/settings.json"


def quote_key(clip: str) -> str:
    """Where it stands what styling a clip is expected to cost."""
    return f"clips/{clip}/quote.json"


def approval_key(clip: str) -> str:
    """Where it stands that somebody allowed a clip to cost more than the budget."""
    return f"clips/{clip}/approval.json"


def work_prefix(clip: str = "") -> str:
    """Common beginning of the keys of everything that can be made again for a clip; of all clips without one."""
    return f"work/{clip}/" if clip else "work/"


def progress_prefix(clip: str) -> str:
    """Common beginning of the keys of what running steps of a clip report."""
    return f"{work_prefix(clip)}progress/"


def progress_key(clip: str, stage: str, segment: int | None) -> str:
    """Where a running step says how far it is; ``segment`` is None where the stage is one of the whole clip."""
    return f"{progress_prefix(clip)}{stage}{'' if segment is None else f'-{segment:03d}'}.json"


def latest_delivery_key(clip: str) -> str:
    """Where it stands which delivery of a clip is current."""
    return f"delivery/{clip}/latest.json"


def delivery_page_key(clip: str) -> str:
    """Where the page lies that shows the current delivery of a clip."""
    return f"delivery/{clip}/index.html"


def delivery_key(clip: str, delivery: str, name: str) -> str:
    """Where the file ``name`` of one delivery lies."""
    return f"delivery/{clip}/{delivery[:DIGEST_LENGTH]}/{name}"


@dataclass(frozen=True, slots=True)
class ContentKeys:
    """Keys of all that is made of one content of one clip."""

    clip: str
    sha256: str

    @property
    def documents(self) -> str:
        """Common beginning of the keys of what describes the content, and is kept."""
        return f"clips/{self.clip}/{self.sha256[:DIGEST_LENGTH]}"

    @property
    def intermediates(self) -> str:
        """Common beginning of the keys of what can be made again."""
        return f"{work_prefix(self.clip)}{self.sha256[:DIGEST_LENGTH]}"

    @property
    def original(self) -> str:
        """Snapshot of the uploaded file."""
        return f"{self.intermediates}/original"

    @property
    def manifest(self) -> str:
        """The :class:`VideoManifest`."""
        return f"{self.documents}/manifest.json"

    @property
    def plan(self) -> str:
        """The :class:`SegmentPlan`."""
        return f"{self.documents}/plan.json"

    @property
    def tracks(self) -> str:
        """The digests of the audio tracks."""
        return f"{self.documents}/tracks-{code_versions.TRACKS}.json"

    def frames_chunk(self, chunk: int) -> str:
        """One lossless chunk."""
        return f"{self.intermediates}/frames/{code_versions.SPLIT}/{chunk:05d}.mkv"

    def frames_segment(self, segment: int) -> str:
        """Record of the lossless chunks of one segment."""
        return f"{self.intermediates}/frames/{code_versions.SPLIT}/segment-{segment:03d}.json"

    @property
    def frames_segments(self) -> str:
        """Common beginning of the keys of those records."""
        return f"{self.intermediates}/frames/{code_versions.SPLIT}/segment-"

    def preview(self, delivery: str) -> str:
        """A short film, the source and one delivery side by side."""
        return f"{self.intermediates}/previews/{delivery[:DIGEST_LENGTH]}.mp4"

    def styled_chunk(self, look: str, chunk: int) -> str:
        """One styled chunk."""
        return f"{self.intermediates}/styled/{look[:DIGEST_LENGTH]}/{chunk:05d}.mkv"

    def shot_statistics(self, look: str, start: int) -> str:
        """What the shot that begins with frame ``start`` is painted by, if its statistics are frozen."""
        return f"{self.intermediates}/styled/{look[:DIGEST_LENGTH]}/shot-{start:06d}.json"

    def own_style(self, look: str) -> str:
        """The clip's own style, as a style file, if the look is made with a share of it."""
        return f"{self.intermediates}/styled/{look[:DIGEST_LENGTH]}/own-style.safetensors"

    def styled_times(self, look: str, segment: int) -> str:
        """How long each frame of a segment took, in that look."""
        return f"{self.intermediates}/styled/{look[:DIGEST_LENGTH]}/times-{segment:03d}.parquet"

    def styled_segment(self, segment: int) -> str:
        """Record of the styled chunks of one segment, in the look it was given last."""
        return f"{self.intermediates}/styled/segment-{segment:03d}.json"

    def styled_attempts(self, look: str, segment: int) -> str:
        """The :class:`AttemptLog` of one segment in one look."""
        return f"{self.intermediates}/styled/{look[:DIGEST_LENGTH]}/attempts-{segment:03d}.json"

    @property
    def styled_segments(self) -> str:
        """Common beginning of the keys of those records."""
        return f"{self.intermediates}/styled/segment-"
