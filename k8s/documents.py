"""The files of k8s/, read strictly."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
K8S = ROOT / "k8s"
MANIFESTS = K8S / "manifests"

Document = dict[str, Any]


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that is given twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {str(key) for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"given twice: {', '.join(twice)}", node.start_mark)
        return super().construct_mapping(node, deep)


def parse(text: str) -> list[Any]:
    """The documents of a YAML file."""
    return list(yaml.load_all(text, Loader=_StrictLoader))


def values() -> Document:
    """k8s/values.yaml."""
    (document,) = parse((K8S / "values.yaml").read_text())
    return document


def _is_ours(document: Document) -> bool:
    return "apiVersion" in document and document["kind"] != "Kustomization"


@cache
def manifests() -> tuple[Document, ...]:
    """Every Kubernetes object below k8s/manifests/, as written."""
    paths = sorted(MANIFESTS.rglob("*.yaml"))
    found = [document for path in paths for document in parse(path.read_text()) if isinstance(document, dict)]
    return tuple(document for document in found if _is_ours(document))


def of_kind(kind: str) -> list[Document]:
    """The objects of one kind among the manifests."""
    return [document for document in manifests() if document["kind"] == kind]


def name_of(document: Document) -> str:
    """What a failed test calls an object."""
    return f"{document['kind']}/{document['metadata']['name']}"


def pod_templates() -> Iterator[tuple[str, Document]]:
    """The pods that the manifests make, by the name of what makes them."""
    for document in manifests():
        if "template" in document.get("spec", {}):
            yield name_of(document), document["spec"]["template"]
