"""A clip on its way through the deployment: put there as a customer would, and followed in the store."""

from collections.abc import Callable
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from k8s.e2e.instance import container_prefix_of
from k8s.e2e.options import Options
from stylize.store.media_store import MediaStore


class Clip:
    """One upload, and what comes of it."""

    def __init__(self, store: MediaStore, name: str) -> None:
        """The clip ``name`` in ``store``; nothing is there yet."""
        self.name = name
        self._store = store

    def upload(self, options: Options, run: str, file: Path) -> None:
        """What a customer's program does: Microsoft's SDK, and nothing of ours."""
        service = BlobServiceClient(options.media.endpoint, credential=options.media.sas_token)
        with service, file.open("rb") as content:
            service.get_blob_client(f"{container_prefix_of(run)}landing", f"{self.name}.mp4").upload_blob(content)

    def milestones(self) -> list[tuple[str, Callable[[], bool]]]:
        """What appears in the store one after the other, and how to ask whether it has."""
        return [
            ("the blob sensor found the upload complete", lambda: self._has("uploads/", self.name)),
            ("read: every timestamp is known", lambda: self._has(f"clips/{self.name}/", "plan.json")),
            ("split into lossless chunks", lambda: self._has(f"work/{self.name}/", "frames/", "segment-000.json")),
            ("first chunk styled by a GPU pod", lambda: self.num_published() > 0),
            ("delivered, with its receipt", self.is_delivered),
        ]

    def is_delivered(self) -> bool:
        """Whether there is a delivery."""
        return self._has(f"delivery/{self.name}/", "latest.json")

    def num_published(self) -> int:
        """Styled chunks that are in the store."""
        keys = (info.key for info in self._store.list(f"work/{self.name}/"))
        return sum("/styled/" in key and key.endswith(".mkv") for key in keys)

    def _has(self, prefix: str, *parts: str) -> bool:
        return any(all(part in info.key for part in parts) for info in self._store.list(prefix))
