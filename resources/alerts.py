"""Messages about failures, posted to a webhook of Microsoft Teams or Slack.

No one message serves both. A Teams workflow ("When a Teams webhook request is received") reads nothing but adaptive
cards in ``attachments``, and fails where there are none; MessageCards went with the connectors. Slack answers
``invalid_attachments`` to attachments that are not its own. So the host of the webhook decides: Slack's gets Slack's
``text``, any other gets a Teams message, with the same in plain ``text`` for endpoints that read that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
from pydantic import Field

from resources.webhook import post
from stylize.errors import AlertError

MAX_ALERTS = 10
"""Alerts in one message: Teams takes 28 KB."""

MAX_FACT_CHARACTERS = 600

SLACK_DOMAINS = ("slack.com", "slack-gov.com")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What went wrong, for a person.

    Attributes:
        title: one line.
        facts: name and value of what to know, plain text.
        url: where to see more.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    url: str


class AlertsResource(dg.ConfigurableResource):
    """Where messages about failures go."""

    webhook_url_variable: str = Field(
        default="STYLIZE_ALERT_WEBHOOK_URL",
        description="Environment variable with the URL of the webhook, which is a secret. Not set: no messages.",
    )
    ui_url: str = Field(description="Where people open the Dagster UI; links in messages begin with it.")
    quiet_minutes: int = Field(description="At most one message about a clip in so many minutes.")

    @property
    def webhook_url(self) -> str | None:
        """The secret, read now: as a value of the configuration, a variable that is not set would be an error."""
        return dg.EnvVar(self.webhook_url_variable).get_value() or None

    def run_url(self, run_id: str) -> str:
        """Where the UI shows a run."""
        return f"{self.ui_url.rstrip('/')}/runs/{run_id}"

    def send(self, alerts: Sequence[Alert]) -> None:
        """Post one message with all ``alerts``; those beyond the tenth are only counted.

        Raises:
            AlertRefusedError: the webhook will not take this message, however often it is sent.
            AlertError: it cannot be delivered now.
        """
        if self.webhook_url is None:
            raise AlertError(f"no webhook is set: {self.webhook_url_variable} is empty")
        post(self.webhook_url, message_for(self.webhook_url, alerts), name=self.webhook_url_variable)


def message_for(webhook_url: str, alerts: Sequence[Alert]) -> dict[str, Any]:
    """The JSON document that the service behind ``webhook_url`` shows as these alerts."""
    try:
        host = urlsplit(webhook_url).hostname or ""
    except ValueError:  # posting says what is wrong with it
        host = ""
    if any(host == domain or host.endswith(f".{domain}") for domain in SLACK_DOMAINS):
        return slack_message(alerts)
    return teams_message(alerts)


def slack_message(alerts: Sequence[Alert]) -> dict[str, Any]:
    """Slack's ``text``, in its own markup."""
    paragraphs = [
        "\n".join(
            [
                f"*{_slack_text(alert.title)}*",
                *(f"{name}: {_slack_text(value)}" for name, value in alert.facts),
                f"<{alert.url}|Open the run>",
            ]
        )
        for alert in alerts[:MAX_ALERTS]
    ]
    return {"text": "\n\n".join([*paragraphs, *_more(alerts)])}


def teams_message(alerts: Sequence[Alert]) -> dict[str, Any]:
    """A message with one adaptive card, for a Teams workflow."""
    body = [element for alert in alerts[:MAX_ALERTS] for element in _card_elements(alert)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [*body, *map(_plain_line, _more(alerts))],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "text": plain_text(alerts), "attachments": [attachment]}


def plain_text(alerts: Sequence[Alert]) -> str:
    """The alerts without any markup."""
    paragraphs = [
        "\n".join([alert.title, *(f"{name}: {_short(value)}" for name, value in alert.facts), alert.url])
        for alert in alerts[:MAX_ALERTS]
    ]
    return "\n\n".join([*paragraphs, *_more(alerts)])


def _card_elements(alert: Alert) -> list[dict[str, Any]]:
    link = {"type": "Action.OpenUrl", "title": "Open the run", "url": alert.url}
    return [
        _text_runs({"text": alert.title, "weight": "bolder", "size": "medium"}, separator=True),
        *(
            _text_runs({"text": f"{name}: ", "weight": "bolder"}, {"text": _short(value)})
            for name, value in alert.facts
        ),
        {"type": "ActionSet", "actions": [link]},
    ]


def _plain_line(text: str) -> dict[str, Any]:
    return _text_runs({"text": text}, separator=True)


def _text_runs(*runs: dict[str, Any], separator: bool = False) -> dict[str, Any]:
    # A TextBlock would take names of files and words of errors for Markdown, links included.
    inlines = [{"type": "TextRun", **run} for run in runs]
    return {"type": "RichTextBlock", "separator": separator, "inlines": inlines}


def _slack_text(text: str) -> str:
    """``text`` without what Slack takes for links and mentions; https://docs.slack.dev/messaging/formatting."""
    return _short(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _short(text: str) -> str:
    return text if len(text) <= MAX_FACT_CHARACTERS else f"{text[:MAX_FACT_CHARACTERS]} …"


def _more(alerts: Sequence[Alert]) -> list[str]:
    hidden = len(alerts) - MAX_ALERTS
    return [f"And {hidden} more; the Dagster UI lists all failed runs."] if hidden > 0 else []
