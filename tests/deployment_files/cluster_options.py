"""Options of ``make k8s-e2e`` as tests give them: nothing of them exists."""

from k8s.e2e.options import Options, read_options

RUN = "0a1b2c"
HOST_FOLDERS = {
    "container_config": {"volume_mounts": [{"name": "code", "mount_path": "/code", "read_only": True}]},
    "pod_spec_config": {"volumes": [{"name": "code", "host_path": {"path": "/code"}}]},
}
ENVIRONMENT = {
    "K8S_IMAGE": "registry.example/stylize:0.1.0",
    "K8S_NAMESPACE": "try-it",
    "K8S_STORE_URL": "https://media.example/?sv=1&sp=rwdlc&sig=first%2Bsecret",
    "K8S_OPERATIONS_STORE_URL": "http://10.0.0.1:10000/operations?sig=other-secret",
    "K8S_DATABASE_URL": "postgresql://dagster:p%40ss@10.0.0.1:6543/pipelines?sslmode=require",
    "K8S_GPU_RESOURCE": "example.com/gpu",
}


def options_of_run(**changes: str) -> Options:
    return read_options({**ENVIRONMENT, **changes})
