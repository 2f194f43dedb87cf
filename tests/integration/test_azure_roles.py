"""The rights in docs/azure.md suffice for what each actor does, and allow no more."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import dagster as dg
import pytest
from azure.storage.blob import generate_container_sas

from assets.clip_wishes import ClipSettingsConfig
from azurite.server import MEDIA_ACCOUNT, OPERATIONS_ACCOUNT, Azurite
from dagster_project.cli.home import open_instance, prepare_home
from dagster_project.cli.interrupts import Interrupts
from dagster_project.cli.progress_bars import ProgressBars
from dagster_project.cli.restyle import ClipRestyler
from dagster_project.cli.runs import LocalRuns
from dagster_project.cli.terminal import open_console
from dagster_project.definitions import build_defs
from dagster_project.settings import Settings
from resources.build import build_resources
from stylize.errors import PreconditionError, StoreAccessError
from stylize.records.records import Delivery
from stylize.store.azure.account import Transfers
from stylize.store.azure.blob_store import MEDIA_AREAS, OPERATIONS_AREAS, AzureStore
from stylize.store.folder_store import FolderStore
from stylize.store.media_store import MediaStore, ObjectInfo, StoredObject
from tests.azure_accounts import AzureAccounts

DOCUMENT = Path(__file__).parents[2] / "docs" / "azure.md"
ROW = re.compile(r"^\| (uploader|viewer|pipeline|operator) \| `(\w+)` \| `([rcwdl]+)` \|", re.MULTILINE)
RIGHTS: list[tuple[str, str, str]] = ROW.findall(DOCUMENT.read_text())

SMALL_BLOCKS = Transfers(block_bytes=64 * 1024, retries=0)
SMALL, LARGE = b"small", os.urandom(3 * SMALL_BLOCKS.block_bytes)

# What each letter is for. The key of what lies there already is given.
USES: dict[str, list[Callable[[MediaStore, str, Path], object]]] = {
    "r": [
        lambda store, key, _: store.stat(key),
        lambda store, key, folder: store.download(key, folder / "copy"),
    ],
    "cw": [
        lambda store, key, _: store.put(f"{key}-small", SMALL, if_absent=True),
        lambda store, key, _: store.put(f"{key}-large", LARGE, if_absent=True),
        lambda store, key, _: store.put(key, LARGE),
    ],
    "d": [lambda store, key, _: store.delete(key)],
    "l": [lambda store, key, _: list(store.list(key))],
}

RestrictedStore = Callable[[str, str], AbstractContextManager[AzureStore]]


@pytest.fixture
def prefix(azurite: Azurite) -> Iterator[str]:
    with AzureAccounts.of(azurite).containers() as prefix:
        yield prefix


@pytest.fixture
def owner(azurite: Azurite, prefix: str) -> Iterator[AzureStore]:
    with closing(AzureAccounts.of(azurite).store(prefix)) as store:
        yield store


@pytest.fixture
def restricted(azurite: Azurite, prefix: str) -> RestrictedStore:
    """A store for whom has SAS letters on the container of one area, and nothing else."""

    @contextmanager
    def open_store(area: str, letters: str) -> Iterator[AzureStore]:
        tokens = {
            role: generate_container_sas(
                account,
                f"{prefix}{area}",
                account_key=azurite.keys[account],
                permission="".join(letter for letter in "racwdl" if letter in letters),
                expiry=datetime.now(UTC) + timedelta(minutes=5),
            )
            for role, account in {"media": MEDIA_ACCOUNT, "operations": OPERATIONS_ACCOUNT}.items()
        }
        with closing(AzureAccounts.of(azurite).store(prefix, credentials=tokens, transfers=SMALL_BLOCKS)) as store:
            yield store

    return open_store


def test_the_document_names_the_rights_of_every_actor_on_existing_containers() -> None:
    assert {actor for actor, _, _ in RIGHTS} == {"uploader", "viewer", "pipeline", "operator"}
    assert {area for _, area, _ in RIGHTS} == {*MEDIA_AREAS, *OPERATIONS_AREAS}
    assert {area for actor, area, _ in RIGHTS if actor == "pipeline"} == {*MEDIA_AREAS, *OPERATIONS_AREAS}
    assert [(area, letters) for actor, area, letters in RIGHTS if actor == "uploader"] == [("landing", "cw")]
    assert [(area, letters) for actor, area, letters in RIGHTS if actor == "viewer"] == [("delivery", "rl")]


@pytest.mark.parametrize(("actor", "area", "letters"), RIGHTS)
def test_the_letters_suffice_for_their_uses_and_for_no_other(
    owner: AzureStore, restricted: RestrictedStore, tmp_path: Path, actor: str, area: str, letters: str
) -> None:
    with restricted(area, letters) as store:
        for number, (needed, uses) in enumerate(USES.items()):
            for use in uses:
                key = f"{area}/{number}"
                owner.put(key, LARGE)
                if set(needed) <= set(letters):
                    use(store, key, tmp_path)
                    continue
                with pytest.raises(StoreAccessError, match=r"may not .* of account .*docs/azure\.md") as raised:
                    use(store, key, tmp_path)
                assert raised.value.permanent
                assert owner.digest(key) == owner.put(f"{key}-same", LARGE).sha256, "nothing was changed"


@pytest.mark.parametrize(("actor", "area", "letters"), RIGHTS)
def test_a_right_on_one_container_opens_no_other(
    owner: AzureStore, restricted: RestrictedStore, tmp_path: Path, actor: str, area: str, letters: str
) -> None:
    with restricted(area, letters) as store:
        for other in {*MEDIA_AREAS, *OPERATIONS_AREAS} - {area}:
            owner.put(f"{other}/a", SMALL)
            for use in (use for uses in USES.values() for use in uses):
                with pytest.raises(StoreAccessError):
                    use(store, f"{other}/a", tmp_path)
            assert owner.read_bytes(f"{other}/a") == SMALL


def test_an_uploader_replaces_a_file_without_being_able_to_read_it(
    owner: AzureStore, restricted: RestrictedStore
) -> None:
    with restricted("landing", "cw") as store:
        first = store.put("landing/film.mp4", LARGE)
        store.put("landing/film.mp4", SMALL)
        with pytest.raises(StoreAccessError, match="SAS r"):
            store.read_bytes("landing/film.mp4")
        with pytest.raises(PreconditionError, match="exists already"):
            store.put("landing/film.mp4", SMALL, if_absent=True)
        with pytest.raises(PreconditionError, match="another writer"):
            store.put("landing/film.mp4", SMALL, if_match=first.etag)
    assert owner.read_bytes("landing/film.mp4") == SMALL


class _ByArea(MediaStore):
    """One store whose every area is used with rights of its own."""

    def __init__(self, stores: dict[str, AzureStore]) -> None:
        self._stores = stores

    def _of(self, key: str) -> AzureStore:
        return self._stores[key.partition("/")[0]]

    def stat(self, key: str) -> ObjectInfo | None:
        return self._of(key).stat(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self._of(prefix).list(prefix)

    def put(
        self, key: str, source: Path | bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> StoredObject:
        return self._of(key).put(key, source, if_absent=if_absent, if_match=if_match)

    def chunks(self, key: str, *, if_match: str | None = None) -> Iterator[bytes]:
        return self._of(key).chunks(key, if_match=if_match)

    def delete(self, key: str) -> None:
        self._of(key).delete(key)

    def location(self, key: str) -> str:
        return self._of(key).location(key)


def test_the_pipeline_delivers_a_clip_with_its_rights_and_a_viewer_fetches_it(
    restricted: RestrictedStore, clip: Callable[[str], Path], home: Path, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stores = {
            area: stack.enter_context(restricted(area, letters))
            for actor, area, letters in RIGHTS
            if actor == "pipeline"
        }
        stack.enter_context(restricted("landing", "cw")).put("landing/one_frame.mp4", clip("one_frame"))
        delivery = _deliver(_ByArea(stores), clip("one_frame"), Settings(home=home))
        viewer = stack.enter_context(restricted("delivery", "rl"))
        assert delivery.video_key in [info.key for info in viewer.list("delivery/")]
        viewer.download(delivery.video_key, tmp_path / "video", sha256=delivery.video_sha256)


def _deliver(store: MediaStore, source: Path, settings: Settings) -> Delivery:
    """What daemon and pods do from upload to delivery, in this process."""
    prepare_home(settings)
    definitions = build_defs(settings, {"store": dg.ResourceDefinition.hardcoded_resource(store)})
    bars, stylizer = ProgressBars(open_console()), build_resources(settings)["stylizer"]
    with open_instance(settings) as instance, build_resources(settings)["scratch"].folder() as scratch:
        runs = LocalRuns(definitions, instance, Interrupts())
        restyler = ClipRestyler(runs, instance, cast("FolderStore", store), stylizer, bars)
        outcome = restyler.restyle(source, ClipSettingsConfig(), scratch=scratch, frames_per_segment=None)
    assert outcome.delivery is not None
    return outcome.delivery


def test_no_actor_may_make_containers(restricted: RestrictedStore) -> None:
    with restricted("landing", "rcwdl") as store, pytest.raises(StoreAccessError, match="create containers"):
        store.create_containers()
