"""What a pod may do that runs as the step pods' account, with their secrets: tried from inside the cluster.

Step pods open what strangers uploaded. Whoever takes one over has its account and its tokens, and nothing else.
"""

import json
from collections.abc import Iterator, Mapping

from azurite.demo import Story
from k8s.e2e.cluster import Cluster
from k8s.e2e.instance import SECRET, container_prefix_of
from k8s.e2e.options import E2eError, Options
from k8s.e2e.single_pod import run_python

# What is tried, and whether it must succeed. The program below knows how.
ALWAYS = {
    "read a pod of its own namespace": True,
    "read a secret of its own namespace": False,
    "list secrets of its own namespace": False,
    "list pods of another namespace": False,
    "list namespaces": False,
    "create a Job": False,
    "delete a pod": False,
    "open a shell in a pod": False,
    "write into work": True,
}
WITH_A_TOKEN_OF_THEIR_OWN = {"write into delivery": True, "delete from delivery": False}

_PROGRAM = """\
import json, os, sys
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

namespace, prefix, secret, names = sys.argv[1:]
config.load_incluster_config()
core, batch, reviews = client.CoreV1Api(), client.BatchV1Api(), client.AuthorizationV1Api()

def account(role):
    url = os.environ[f"STYLIZE_{role}_ACCOUNT_URL"]
    return BlobServiceClient(url, credential=os.environ[f"STYLIZE_{role}_SAS_TOKEN"], retry_total=0)

def write(role, area):
    account(role).get_blob_client(prefix + area, "rights/tried").upload_blob(b"tried", overwrite=True)

def delete(role, area):
    try:
        account(role).get_blob_client(prefix + area, "rights/nothing").delete_blob()
    except ResourceNotFoundError:
        pass  # it would have been deleted

def may_open_a_shell():
    attributes = client.V1ResourceAttributes(namespace=namespace, verb="create", resource="pods", subresource="exec")
    spec = client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
    review = reviews.create_self_subject_access_review(client.V1SelfSubjectAccessReview(spec=spec))
    if not review.status.allowed:
        raise ApiException(status=403)

job = client.V1Job(metadata=client.V1ObjectMeta(name="tried"), spec=client.V1JobSpec(template=client.V1PodTemplateSpec(
    spec=client.V1PodSpec(restart_policy="Never", containers=[client.V1Container(name="tried", image="tried")]))))
attempts = {
    "read a pod of its own namespace": lambda: core.read_namespaced_pod(os.environ["HOSTNAME"], namespace),
    "read a secret of its own namespace": lambda: core.read_namespaced_secret(secret, namespace),
    "list secrets of its own namespace": lambda: core.list_namespaced_secret(namespace),
    "list pods of another namespace": lambda: core.list_namespaced_pod("kube-system"),
    "list namespaces": core.list_namespace,
    "create a Job": lambda: batch.create_namespaced_job(namespace, job, dry_run="All"),
    "delete a pod": lambda: core.delete_namespaced_pod(os.environ["HOSTNAME"], namespace, dry_run="All"),
    "open a shell in a pod": may_open_a_shell,
    "write into work": lambda: write("OPERATIONS", "work"),
    "write into delivery": lambda: write("MEDIA", "delivery"),
    "delete from delivery": lambda: delete("MEDIA", "delivery"),
}
REFUSED = (401, 403)
could = {}
for name in json.loads(names):
    try:
        attempts[name]()
    except (ApiException, ClientAuthenticationError, HttpResponseError) as error:
        status = getattr(error, "status", None) or error.status_code
        if status not in REFUSED:
            raise
        could[name] = False
    else:
        could[name] = True
print(json.dumps(could))
"""


def expected_rights(options: Options) -> dict[str, bool]:
    """What a step pod of the run must be able to do, and what it must not."""
    return ALWAYS | (WITH_A_TOKEN_OF_THEIR_OWN if options.media.pods_have_less else {})


def rights_faults(could: Mapping[str, bool], expected: Mapping[str, bool]) -> Iterator[str]:
    """Where what a step pod could do differs from what it should."""
    for attempt, must in expected.items():
        if could.get(attempt) != must:
            yield f"a step pod {'cannot' if must else 'can'} {attempt}"


def check_rights(cluster: Cluster, options: Options, run: str, story: Story) -> None:
    """Try everything in a pod.

    Raises:
        E2eError: it could do something that it must not, or could not do what it must.
    """
    expected = expected_rights(options)
    printed = run_python(
        cluster,
        options,
        "try-rights",
        _PROGRAM,
        arguments=[cluster.namespace, container_prefix_of(run), SECRET, json.dumps([*expected])],
        account="stylize-step",
    )
    if faults := [*rights_faults(json.loads(printed.strip().splitlines()[-1]), expected)]:
        raise E2eError("; ".join(faults))
    refused = ", ".join(attempt for attempt, must in expected.items() if not must)
    story.tell(f"a pod with the account and the tokens of steps cannot: {refused}")
