"""Finds fields that Kubernetes does not know, and values of the wrong type, by the models of its own Python client."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from kubernetes import client

# Types of the client's models in terms of JSON. "object" may be anything: quantities, ports by number or name.
_PLAIN: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "bool": bool,
    "float": (int, float),
    "datetime": str,
    "object": object,
}
# Objects of other vendors, which the client has no models of.
CUSTOM_KINDS = {"SecretProviderClass", "PodMonitor"}


def faults_of_object(document: dict[str, Any]) -> list[str]:
    """What is wrong with a whole Kubernetes object, by its apiVersion and kind; empty if nothing is."""
    if document["kind"] in CUSTOM_KINDS:
        return []
    version = document["apiVersion"].rpartition("/")[2]
    model = f"{version[0].upper()}{version[1:]}{document['kind']}"
    return list(faults(document, model, document["metadata"]["name"]))


def faults(value: Any, kind: str, where: str) -> Iterator[str]:
    """What is wrong with a value that should be of this type of the client.

    Args:
        value: as read from YAML or JSON.
        kind: name of a model (``V1Probe``), ``list[...]``, ``dict[str, ...]``, or a plain type.
        where: path to the value, for the messages.
    """
    if item := re.fullmatch(r"list\[(.*)\]", kind):
        entries = enumerate(value) if isinstance(value, list) else None
        yield from _faults_of_items(entries, item[1], where)
    elif entry := re.fullmatch(r"dict\[str, (.*)\]", kind):
        entries = value.items() if isinstance(value, dict) else None
        yield from _faults_of_items(entries, entry[1], where)
    elif kind in _PLAIN:
        if not isinstance(value, _PLAIN[kind]) or (kind == "int" and isinstance(value, bool)):
            yield f"{where}: {value!r} is no {kind}"
    else:
        yield from _faults_of_model(value, kind, where)


def _faults_of_items(entries: Iterable[tuple[Any, Any]] | None, kind: str, where: str) -> Iterator[str]:
    if entries is None:
        yield f"{where}: several of {kind} expected"
    for key, item in entries or ():
        yield from faults(item, kind, f"{where}.{key}")


def _faults_of_model(value: Any, kind: str, where: str) -> Iterator[str]:
    model = getattr(client, kind, None)
    if model is None or not isinstance(value, dict):
        yield f"{where}: {value!r} is no {kind}"
        return
    attributes = {field: attribute for attribute, field in model.attribute_map.items()}
    for field in value.keys() - attributes.keys():
        yield f"{where}: {kind} has no field {field!r}"
    known = {attributes[field]: item for field, item in value.items() if field in attributes}
    for attribute, item in known.items():
        yield from faults(item, model.openapi_types[attribute], f"{where}.{model.attribute_map[attribute]}")
    try:
        model(**known)
    except ValueError as missing:
        yield f"{where}: {missing}"
