"""``stylize restyle``: give a clip that the deployment has another look; automation makes it."""

from collections.abc import Iterator

from assets.clip_wishes import ClipSettingsConfig
from dagster_project.cli.deployment import Deployment, named_clip, open_deployment
from dagster_project.cli.interrupts import Interrupts
from dagster_project.cli.look_choice import choose_look, resolve_wishes
from dagster_project.cli.runs import LocalRuns
from dagster_project.definitions import build_defs
from dagster_project.settings import Settings
from resources.build import build_resources
from resources.daemon import daemon_lives
from stylize.errors import SettingsError
from stylize.records.content import find_current_plan
from stylize.records.quote import explain_hold, find_hold
from stylize.records.records import ClipSettings
from stylize.store.keys import settings_key


def restyle_clip(settings: Settings, clip: str, wishes: ClipSettingsConfig) -> Iterator[str]:
    """Change how ``clip``, a partition key or an upload's name, shall look; yields lines that say what was done.

    Raises:
        SettingsError: there is no such clip, or a wish is out of range.
        StyleError: there is no such style.
    """
    key, interrupts = named_clip(clip), Interrupts()
    resources = build_resources(settings)
    with open_deployment(settings) as deployment, interrupts.noticed(), resources["scratch"].folder() as scratch:
        if key not in deployment.clips():
            raise SettingsError(f"unknown clip {clip!r}: `stylize status` lists the clips that there are")
        stylizer = resources["stylizer"]
        config = resolve_wishes(deployment.store, stylizer, wishes)
        runs = LocalRuns(build_defs(settings), deployment.instance, interrupts)
        changed = choose_look(runs, deployment.instance, deployment.store, stylizer, key, config, scratch)
        yield from _lines(deployment, key, changed=changed)


def _lines(deployment: Deployment, clip: str, *, changed: bool) -> Iterator[str]:
    look = ClipSettings.read(deployment.store, settings_key(clip))
    yield f"{clip}: style {look.style}, controls: {look.describe_controls()}{'' if changed else ' (as before)'}"
    if not changed:
        return
    plan, hold = find_current_plan(deployment.store, clip), find_hold(deployment.store, clip)
    if hold is not None:
        yield explain_hold(clip, hold)
    elif daemon_lives(deployment.instance):
        what = f"its {len(plan.segments)} segments" if plan else "it"
        yield f"automation styles {what} and delivers; stylize status {clip} says how far it is"
    else:
        yield "no Dagster daemon gives a sign of life: it is styled as soon as one runs (stylize ui)"
