"""People hear of failed runs, once, and not of those that Dagster will try again."""

import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.cli.home import open_instance, prepare_home
from dagster_project.definitions import build_defs
from dagster_project.settings import Settings
from resources.alerts import Alert, AlertsResource, message_for
from sensors.failure_alert_sensor import failure_alert_sensor
from stylize.errors import StoreUnavailableError
from stylize.store.folder_store import FolderStore
from tests.webhooks import SECRET, Webhook, listening

VARIABLE = "STYLIZE_ALERT_WEBHOOK_URL"
UI_URL = "https://dagster.example"


class _UnwellStore(FolderStore):
    def chunks(self, key: str, *, if_match: str | None = None) -> Iterator[bytes]:
        raise StoreUnavailableError(f"the store did not answer for {key!r}")


class Deployment:
    """Runs that fail for real, and the sensor that looks at them."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.home = home
        self.instance = instance
        self.alerts = AlertsResource(ui_url=f"{UI_URL}/", quiet_minutes=15)
        self.cursor: str | None = None
        instance.add_dynamic_partitions("clips", ["film", "other"])

    def fail(self, job: str = "read_clip_job", partition: str = "film", store: FolderStore | None = None) -> str:
        """Run a job for a clip that nobody uploaded; returns the run id."""
        overrides = {"store": dg.ResourceDefinition.hardcoded_resource(store)} if store else None
        result = (
            build_defs(Settings(home=self.home), overrides)
            .resolve_job_def(job)
            .execute_in_process(instance=self.instance, partition_key=partition, raise_on_error=False)
        )
        assert not result.success
        return result.run_id

    def fail_without_step(self) -> dg.DagsterRun:
        """A run whose process was killed, which Dagster tries again."""
        job = build_defs(Settings(home=self.home)).resolve_job_def("read_clip_job")
        run = self.instance.create_run_for_job(job, tags={"dagster/partition": "film"})
        self.instance.report_run_failed(run, "the process that executed this run is gone")
        return run

    def tick(self) -> str:
        """Evaluate the sensor once; returns what it says."""
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"alerts": self.alerts}
        ) as context:
            reason = failure_alert_sensor(context)
            self.cursor = context.cursor
        assert isinstance(reason, dg.SkipReason)
        return reason.skip_message or ""

    def let_quiet_time_pass(self) -> None:
        state = json.loads(self.cursor or "{}")
        state["told_at"] = {subject: told - 16 * 60 for subject, told in state["told_at"].items()}
        self.cursor = json.dumps(state)


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with listening() as webhook:
        monkeypatch.setenv(VARIABLE, webhook.url)
        yield webhook


@pytest.fixture
def deployment(home: Path) -> Iterator[Deployment]:
    prepare_home(Settings(home=home))
    with open_instance(Settings(home=home)) as instance:
        deployment = Deployment(home, instance)
        yield deployment


@pytest.fixture
def watching(deployment: Deployment, webhook: Webhook) -> Deployment:
    assert deployment.tick() == "Tells about runs that fail from now on."
    return deployment


def test_a_failed_run_is_told_with_all_that_a_person_needs(watching: Deployment, webhook: Webhook) -> None:
    run_id = watching.fail()
    assert watching.tick() == "Told about film."
    (message,) = webhook.messages
    lines = message["text"].splitlines()
    assert lines[:2] == ["film: source_video failed", "Partition: film"]
    assert lines[2].startswith("Reason: no object 'clips/film/registration.json' in the store")
    assert lines[3:] == ["Tried again: no", f"{UI_URL}/runs/{run_id}"]
    (attachment,) = message["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    title, *facts, link = attachment["content"]["body"]
    assert title["inlines"][0]["text"] == "film: source_video failed"
    assert ["".join(run["text"] for run in fact["inlines"]) for fact in facts] == lines[1:4]
    assert link["actions"][0]["url"] == f"{UI_URL}/runs/{run_id}"
    assert watching.tick().startswith("Nothing to tell now")
    assert len(webhook.messages) == 1


def test_a_failed_segment_is_told_under_its_clip(watching: Deployment, webhook: Webhook) -> None:
    watching.fail("style_segment_job", "film|003")
    watching.tick()
    assert webhook.texts[0].startswith("film: styled_frames failed\nPartition: film|003\n")


def test_many_failures_of_a_clip_are_one_message_and_the_rest_is_counted_later(
    watching: Deployment, webhook: Webhook
) -> None:
    for segment in range(3):
        watching.fail("style_segment_job", f"film|{segment:03d}")
    watching.tick()
    for segment in range(3, 5):
        watching.fail("style_segment_job", f"film|{segment:03d}")
    assert watching.tick() == "Nothing to tell now; 2 failed runs wait for the next message."
    watching.fail(partition="other")
    watching.tick()
    watching.let_quiet_time_pass()
    watching.tick()
    titles = [text.splitlines()[0] for text in webhook.texts]
    assert titles == [
        "film: styled_frames failed (3 runs in all)",
        "other: source_video failed",
        "film: styled_frames failed (2 runs in all)",
    ]
    assert "Partition: film|003" in webhook.texts[2]


def test_clips_that_fail_together_are_told_together(watching: Deployment, webhook: Webhook) -> None:
    watching.fail()
    watching.fail(partition="other")
    watching.tick()
    (text,) = webhook.texts
    assert "film: source_video failed" in text
    assert "other: source_video failed" in text


@pytest.mark.usefixtures("no_pauses")
def test_it_says_how_often_a_step_was_tried(watching: Deployment, webhook: Webhook, home: Path) -> None:
    watching.fail(store=_UnwellStore(home / "store"))
    watching.tick()
    assert "Tried again: no, it failed 13 times" in webhook.texts[0]


def test_a_run_that_dagster_tries_again_is_told_only_when_its_last_attempt_failed(
    watching: Deployment, webhook: Webhook
) -> None:
    first = watching.fail_without_step()
    watching.tick()
    assert webhook.messages == []
    second = watching.fail()  # a failed step is not tried again
    watching.instance.add_run_tags(second, {"dagster/retry_number": "1"})
    watching.instance.add_run_tags(first.run_id, {"dagster/auto_retry_run_id": second})
    watching.tick()
    (text,) = webhook.texts
    assert f"{UI_URL}/runs/{second}" in text
    assert "Tried again: no, it failed 2 times" in text
    assert first.run_id not in text


def test_a_retry_that_dagster_promised_and_never_started_is_told_after_all(
    watching: Deployment, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = watching.fail_without_step()
    watching.tick()
    monkeypatch.setattr("sensors.failed_run.PROMISE_SECONDS", 0.0)
    watching.tick()
    (text,) = webhook.texts
    assert text.splitlines()[0] == "film: read_clip_job failed"
    assert "Reason: the process that executed this run is gone" in text
    assert run.run_id in text


def test_a_webhook_that_is_unwell_is_asked_again(watching: Deployment, webhook: Webhook) -> None:
    watching.fail()
    webhook.answers = [500, 429]
    assert watching.tick() == "Told about film."
    assert webhook.num_requests == 3
    assert len(webhook.messages) == 1


def test_what_could_not_be_told_is_told_by_a_later_tick(watching: Deployment, webhook: Webhook) -> None:
    watching.fail()
    webhook.answers = [503, 503, 503]
    unwell = f"the webhook {VARIABLE} failed: it answered 503 Service Unavailable"
    assert watching.tick() == f"Not told yet about film, to be tried again: {unwell}"
    assert webhook.messages == []
    watching.fail()
    watching.tick()
    assert webhook.texts[0].startswith("film: source_video failed (2 runs in all)")


def test_a_message_that_the_webhook_refuses_holds_up_no_other(watching: Deployment, webhook: Webhook) -> None:
    watching.fail()
    webhook.answers = [400]
    assert "never will be" in watching.tick()
    assert webhook.num_requests == 1
    watching.fail(partition="other")
    watching.tick()
    assert [text.splitlines()[0] for text in webhook.texts] == ["other: source_video failed"]


def test_the_webhook_may_ask_to_be_left_alone_for_longer(watching: Deployment, webhook: Webhook) -> None:
    watching.fail()
    webhook.answers, webhook.headers = [429], {"Retry-After": "3600"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("resources.webhook.LONGEST_PAUSE_SECONDS", 2.5)
        pauses: list[float] = []
        patch.setattr("time.sleep", pauses.append)
        watching.tick()
    assert pauses == [2.5]


@pytest.mark.parametrize(
    "url", ["{closed}", "not a url/{secret}", "http://[{secret}", "http://127.0.0.1:1/ \n{secret}"]
)
def test_the_url_never_appears_in_what_is_said_or_logged(
    url: str,
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{probe.getsockname()[1]}/{SECRET}"
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("resources.webhook.PAUSES_SECONDS", (0.1,))
    monkeypatch.setenv(VARIABLE, url.format(closed=closed, secret=SECRET))
    deployment.tick()
    deployment.fail()
    reason = deployment.tick()
    assert "Not told yet about film" in reason
    captured = capfd.readouterr()
    for said in (reason, caplog.text, captured.out, captured.err, deployment.cursor or ""):
        assert SECRET not in said
    assert SECRET not in repr(deployment.alerts)


def test_redirects_are_not_followed(watching: Deployment, webhook: Webhook) -> None:
    watching.fail()
    webhook.answers, webhook.headers = [302], {"Location": "/elsewhere"}
    assert "it answered 302" in watching.tick()
    assert webhook.num_requests == 1


def test_without_a_webhook_it_says_so(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert deployment.tick() == f"No webhook is set ({VARIABLE}): nobody is told about failed runs."


def test_slack_gets_slacks_own_form_in_which_names_of_files_make_no_links() -> None:
    alert = Alert(title="film: failed", facts=(("Reason", "<!channel> & <http://evil|x>"),), url=f"{UI_URL}/runs/1")
    assert message_for(f"https://hooks.slack.com/services/{SECRET}", [alert]) == {
        "text": f"*film: failed*\nReason: &lt;!channel&gt; &amp; &lt;http://evil|x&gt;\n<{UI_URL}/runs/1|Open the run>"
    }


def test_a_message_stays_within_what_teams_takes() -> None:
    alerts = [Alert(title=f"clip-{n}", facts=(("Reason", "x" * 5000),), url=f"{UI_URL}/runs/{n}") for n in range(64)]
    message = message_for("https://prod.example/workflows/1", alerts)
    assert len(json.dumps(message)) < 28 * 1024
    assert "And 54 more" in message["text"]
