import pytest

from dagster_project.executors import choose_executor
from dagster_project.pod_settings import PodSettings, WholeNumber
from dagster_project.settings import Settings, load_settings
from dagster_project.step_pods import GPU_TAINT, SPOT_TAINT, gpu_pod, merged, step_pod
from stylize.errors import SettingsError


def _pods(**variables: str) -> PodSettings:
    return load_settings({f"STYLIZE_{name}": value for name, value in variables.items()}).pods


def test_variables_of_pods_are_read_with_their_types() -> None:
    pods = _pods(
        GPU_PER_STEP="2",
        GPU_RESOURCE="nvidia.com/mig-1g.10gb",
        GPU_NODE_SELECTOR="accelerator=nvidia, example.com/gpu=a100",
        GPU_ON_SPOT="false",
        STEP_MEMORY="1500Mi",
        STEP_START_TIMEOUT_SECONDS="60",
    )
    assert gpu_pod(pods)["container_config"]["resources"] == {"limits": {"nvidia.com/mig-1g.10gb": "2"}}
    assert gpu_pod(pods)["pod_spec_config"]["node_selector"] == {"accelerator": "nvidia", "example.com/gpu": "a100"}
    assert gpu_pod(pods)["pod_spec_config"]["tolerations"] == [GPU_TAINT]
    assert step_pod(pods)["container_config"]["resources"]["limits"] == {"memory": "1500Mi"}
    assert pods.step_start_timeout_seconds == 60


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("STYLIZE_EXECUTOR", "k8s", "expected one of in-process, multiprocess, kubernetes"),
        ("STYLIZE_GPU_PER_STEP", "one", "expected a whole number of at least 0"),
        ("STYLIZE_GPU_ON_SPOT", "yes", "expected true or false"),
        ("STYLIZE_GPU_RESOURCE", "gpu", "like nvidia.com/gpu"),
        ("STYLIZE_STEP_MEMORY", "6 GB", "like 500m, 2 or 6Gi"),
        ("STYLIZE_GPU_NODE_SELECTOR", "accelerator", "expected label=value"),
        ("STYLIZE_STEP_START_TIMEOUT_SECONDS", "0", "expected a whole number of at least 1"),
        ("STYLIZE_POD_CONFIG", "{", "is not JSON"),
        ("STYLIZE_POD_CONFIG", "[]", "expected an object with any of container_config, pod_spec_config"),
        ("STYLIZE_POD_CONFIG", '{"merge_behavior": "SHALLOW"}', "expected an object with any of container_config"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(variable: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}.*{message}"):
        load_settings({variable: value})


def test_without_gpus_who_styles_gets_the_pod_of_every_step() -> None:
    assert gpu_pod(PodSettings(gpu_per_step=WholeNumber(0))) == {}
    assert not load_settings({"STYLIZE_EXECUTOR": "kubernetes", "STYLIZE_GPU_PER_STEP": "0"}).on_gpu_pods


def test_spot_machines_are_tolerated_unless_they_are_switched_off() -> None:
    assert gpu_pod(PodSettings())["pod_spec_config"]["tolerations"] == [GPU_TAINT, SPOT_TAINT]


def test_what_the_pod_config_says_is_merged_last_into_gpu_steps_and_others() -> None:
    extra = '{"container_config": {"env": [{"name": "A", "value": "1"}], "resources": {"limits": {"memory": "9Gi"}}}}'
    pods = _pods(POD_CONFIG=extra)
    for ours in (step_pod(pods), gpu_pod(pods)):
        container = merged(ours, pods.pod_config)["container_config"]
        assert container["env"] == [{"name": "A", "value": "1"}]
        assert container["resources"]["limits"] == {**ours["container_config"]["resources"]["limits"], "memory": "9Gi"}


def test_a_pod_config_that_kubernetes_does_not_know_is_refused() -> None:
    settings = load_settings({"STYLIZE_EXECUTOR": "kubernetes", "STYLIZE_POD_CONFIG": '{"pod_spec_config": {"x": 1}}'})
    with pytest.raises(SettingsError, match=r"STYLIZE_POD_CONFIG cannot be used: Unexpected keys.*'x'"):
        choose_executor(settings, [])


def test_the_command_line_never_leaves_its_process() -> None:
    assert Settings(executor="kubernetes", store="azure").on_folder_store().executor == "in-process"
