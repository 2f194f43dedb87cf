"""The webserver, asked as the UI asks it: GraphQL, through the API server's proxy to its Service."""

from typing import Any

import dagster as dg
from kubernetes.client.exceptions import ApiException

from k8s import chart
from k8s.e2e.cluster import Cluster
from k8s.e2e.deployments import WEBSERVER
from k8s.e2e.instance import chart_values
from k8s.e2e.options import E2eError

# What the UI sends for "Materialize selected" with one partition, and with several.
LAUNCH_RUN = """
mutation LaunchPipelineExecution($executionParams: ExecutionParams!) {
  launchPipelineExecution(executionParams: $executionParams) {
    __typename
    ... on LaunchRunSuccess { run { id } }
    ... on PythonError { message }
    ... on UnauthorizedError { message }
    ... on InvalidSubsetError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}"""
LAUNCH_BACKFILL = """
mutation LaunchPartitionBackfill($backfillParams: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfillParams) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on PartitionKeysNotFoundError { message }
    ... on UnauthorizedError { message }
  }
}"""
RUNS = """
query Runs($filter: RunsFilter) {
  runsOrError(filter: $filter) {
    __typename
    ... on Runs { results { id status stepStats { stepKey attempts { startTime endTime } } } }
    ... on PythonError { message }
  }
}"""
POOL = """
query Pool($key: String) {
  instance { concurrencyLimit(concurrencyKey: $key) { activeSlotCount pendingStepCount limit } }
}"""
LOCATIONS = """
query Locations {
  workspaceOrError {
    __typename
    ... on Workspace { locationEntries { locationOrLoadError { __typename ... on PythonError { message } } } }
    ... on PythonError { message }
  }
}"""


class Webserver:
    """The UI's own interface."""

    def __init__(self, cluster: Cluster) -> None:
        """Ask the webserver of the cluster's namespace."""
        port = chart_values()["dagsterWebserver"]["service"]["port"]
        self._cluster = cluster
        self._path = f"/api/v1/namespaces/{cluster.namespace}/services/http:{WEBSERVER}:{port}/proxy/graphql"

    def ask(self, query: str, **variables: Any) -> Any:
        """The one top-level field of the answer.

        Raises:
            E2eError: the webserver does not answer, or answers with errors.
        """
        try:
            answer = self._cluster.call("POST", self._path, {"query": query, "variables": variables})
        except ApiException as error:
            raise E2eError(f"the webserver does not answer: {error.status} {error.reason}") from error
        if answer.get("errors"):
            raise E2eError(f"the webserver refuses: {answer['errors'][0]['message']}")
        (field,) = answer["data"].values()
        if isinstance(field, dict) and field.get("__typename", "").endswith(("Error", "Invalid")):
            raise E2eError(f"the webserver refuses: {field}")
        return field

    def location_is_loaded(self) -> bool:
        """Whether the webserver has heard from the code server.

        Raises:
            E2eError: it has, and the definitions do not load.
        """
        entries = self.ask(LOCATIONS)["locationEntries"]
        for entry in entries:
            loaded = entry["locationOrLoadError"] or {}
            if loaded.get("__typename") == "PythonError" and "could not reach" not in loaded["message"].lower():
                raise E2eError(f"the code location does not load: {loaded['message'].strip().splitlines()[0]}")
        return bool(entries) and all(
            (entry["locationOrLoadError"] or {}).get("__typename") == "RepositoryLocation" for entry in entries
        )

    def materialize(self, asset: dg.AssetsDefinition, partition: str) -> str:
        """Launch a run of one cell of an asset with its checks, as the UI does; returns its id."""
        clip, _, segment = partition.partition("|")
        path = {"path": asset.key.path}
        tags = {"dagster/partition": partition, "dagster/partition/clip": clip, "dagster/partition/segment": segment}
        location = chart.code_location(chart_values())["name"]
        launched = self.ask(
            LAUNCH_RUN,
            executionParams={
                "mode": "default",
                "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
                "runConfigData": "{}",
                "selector": {
                    "repositoryLocationName": location,
                    "repositoryName": "__repository__",
                    "pipelineName": "__ASSET_JOB",
                    "assetSelection": [path],
                    "assetCheckSelection": [{"assetKey": path, "name": spec.name} for spec in asset.check_specs],
                },
            },
        )
        return launched["run"]["id"]

    def backfill(self, asset: dg.AssetsDefinition, partitions: list[str]) -> str:
        """Launch a backfill of several partitions, as the UI does; returns its id."""
        launched = self.ask(
            LAUNCH_BACKFILL,
            backfillParams={
                "assetSelection": [{"path": asset.key.path}],
                "partitionNames": partitions,
                "fromFailure": False,
                "tags": [],
            },
        )
        return launched["backfillId"]

    def statuses(self, **tags: str) -> dict[str, str]:
        """Status of every run that bears these tags, by id; ``_`` in a tag's name stands for a slash."""
        wanted = [{"key": key.replace("_", "/"), "value": value} for key, value in tags.items()]
        return {run["id"]: run["status"] for run in self.ask(RUNS, filter={"tags": wanted})["results"]}

    def spans(self, step: str) -> list[tuple[float, float]]:
        """When each attempt of ``step`` began and ended in all runs, in seconds since 1970."""
        runs = self.ask(RUNS, filter={})["results"]
        stats = (stat for run in runs for stat in run["stepStats"] if stat["stepKey"] == step)
        attempts = (attempt for stat in stats for attempt in stat["attempts"])
        return [(attempt["startTime"], attempt["endTime"]) for attempt in attempts if all(attempt.values())]

    def pool(self, name: str) -> dict[str, int]:
        """Limit, places taken and steps waiting of a pool."""
        return self.ask(POOL, key=name)["concurrencyLimit"]
