"""The lifecycle rule deletes what can be made again, and nothing that must stay."""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stylize.store import keys
from stylize.store.keys import ContentKeys

POLICY = json.loads((Path(__file__).parents[2] / "docs" / "lifecycle-policy.json").read_text())
RULES: list[dict[str, Any]] = POLICY["rules"]

SAMPLES: dict[str, Any] = {
    "chunk": 3,
    "clip": "film",
    "delivery": "ab" * 32,
    "look": "ab" * 32,
    "name": "film.mp4",
    "segment": 3,
    "sha256": "cd" * 32,
    "stage": "style",
    "start": 48,
    "style": "starry-night",
    "suffix": ".safetensors",
    "upload": "landing/film.mp4",
    "version": "0123456789abcdef",
}

EXPIRING = {
    *("original", "frames_chunk", "frames_segment", "frames_segments", "preview", "progress_key"),
    *("styled_chunk", "styled_segment", "styled_segments", "styled_attempts", "styled_times"),
    *("shot_statistics", "own_style"),
}


def _call(function: Any) -> str:
    return function(**{name: SAMPLES.get(name, name) for name in inspect.signature(function).parameters})


def _keys() -> Iterator[tuple[str, str]]:
    """Every key that the layout knows, by the name of what makes it."""
    for name, function in inspect.getmembers(keys, inspect.isfunction):
        if function.__module__ == keys.__name__ and name.endswith("_key"):
            yield name, _call(function)
    content = ContentKeys("film", "cd" * 32)
    for name, member in inspect.getmembers(ContentKeys):
        if isinstance(member, property) and name not in ("documents", "intermediates"):
            yield name, getattr(content, name)
        elif inspect.isfunction(member) and not name.startswith("_"):
            yield name, _call(getattr(content, name))


def _expires(key: str) -> bool:
    """An area is a storage container: what Azure matches prefixes with is exactly our key."""
    return any(key.startswith(prefix) for rule in RULES for prefix in rule["definition"]["filters"]["prefixMatch"])


def test_exactly_what_can_be_made_again_expires() -> None:
    keys = dict(_keys())
    assert len(keys) > 15
    assert {name for name, key in keys.items() if _expires(key)} == EXPIRING


def test_no_other_container_is_met_by_chance() -> None:
    prefixes = [prefix for rule in RULES for prefix in rule["definition"]["filters"]["prefixMatch"]]
    assert prefixes == ["work/", "compute-logs/"]


@pytest.mark.parametrize("rule", RULES, ids=[rule["name"] for rule in RULES])
def test_a_rule_has_the_documented_form(rule: dict[str, Any]) -> None:
    assert set(rule) == {"name", "enabled", "type", "definition"}
    assert rule["name"].isalnum()
    assert rule["type"] == "Lifecycle"
    assert rule["enabled"] is True
    assert set(rule["definition"]) == {"filters", "actions"}
    filters, actions = rule["definition"]["filters"], rule["definition"]["actions"]
    assert set(filters) == {"blobTypes", "prefixMatch"}
    assert filters["blobTypes"] == ["blockBlob"]
    assert 1 <= len(filters["prefixMatch"]) <= 10
    conditions = {
        "baseBlob": "daysAfterModificationGreaterThan",
        "version": "daysAfterCreationGreaterThan",
        "snapshot": "daysAfterCreationGreaterThan",
    }
    assert set(actions) == set(conditions)
    for subject, condition in conditions.items():
        ((days_condition, days),) = actions[subject]["delete"].items()
        assert days_condition == condition
        assert isinstance(days, int)
        assert days >= 1


def test_rules_have_names_of_their_own_and_there_is_nothing_else() -> None:
    assert set(POLICY) == {"rules"}
    assert len({rule["name"] for rule in RULES}) == len(RULES)
