from pathlib import Path

import pytest

from dagster_project.settings import Settings, load_settings
from stylize.errors import SettingsError


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load_settings({}) == Settings().at(None)


def test_variables_are_read_with_their_types() -> None:
    settings = load_settings({"STYLIZE_HOME": "/data/h", "STYLIZE_DEVICE": "cuda", "STYLIZE_MAX_FRAMES": "10"})
    assert (settings.home, settings.device, settings.max_frames) == (Path("/data/h"), "cuda", 10)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STYLIZE_DEVICE", "gpu"),
        ("STYLIZE_MAX_PIXELS", "0"),
        ("STYLIZE_MAX_FRAMES", "x"),
        ("STYLIZE_PRICE_GPU_HOUR", "0,20"),
        ("STYLIZE_PRICE_CPU_HOUR", "-1"),
        ("STYLIZE_PRICE_CPU_HOUR", "nan"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}='{value}': expected"):
        load_settings({name: value})


AZURE = {
    "STYLIZE_STORE": "azure",
    "STYLIZE_MEDIA_ACCOUNT_URL": "https://media.example",
    "STYLIZE_OPERATIONS_ACCOUNT_URL": "https://operations.example",
}


def test_azure_by_identity_needs_no_more_than_two_urls() -> None:
    settings = load_settings(AZURE)
    assert (settings.media_account.url, settings.operations_account.url) == (
        "https://media.example",
        "https://operations.example",
    )
    assert settings.media_account.credential == "identity"
    assert settings.on_folder_store().store == "folder"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"STYLIZE_MEDIA_ACCOUNT_URL": ""}, "STYLIZE_MEDIA_ACCOUNT_URL='': STYLIZE_STORE=azure needs"),
        (
            {"STYLIZE_OPERATIONS_ACCOUNT_URL": "account"},
            "STYLIZE_OPERATIONS_ACCOUNT_URL='account': STYLIZE_STORE=azure",
        ),
        (
            {"STYLIZE_MEDIA_ACCOUNT_URL": "https://a?sig=secret"},
            "must not carry a SAS token: put that into STYLIZE_MEDIA_",
        ),
        ({"STYLIZE_MEDIA_CREDENTIAL": "password"}, "expected one of identity, sas, key, connection-string"),
        ({"STYLIZE_MEDIA_CREDENTIAL": "sas"}, "the variable STYLIZE_MEDIA_SAS_TOKEN is not set"),
        ({"STYLIZE_OPERATIONS_CREDENTIAL": "key"}, "the variable STYLIZE_OPERATIONS_ACCOUNT_KEY is not set"),
        ({"STYLIZE_MEDIA_CREDENTIAL": "connection-string"}, "the variable STYLIZE_MEDIA_CONNECTION_STRING is not set"),
        ({"STYLIZE_CONTAINER_PREFIX": "Prod_"}, "STYLIZE_CONTAINER_PREFIX='Prod_': expected lower-case letters"),
    ],
)
def test_half_a_setting_of_azure_is_refused_with_what_is_missing(changes: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        load_settings({**AZURE, **changes})
    assert "secret" not in str(raised.value)


def test_settings_of_azure_do_not_disturb_a_folder_store() -> None:
    assert load_settings({**AZURE, "STYLIZE_STORE": "folder", "STYLIZE_MEDIA_CREDENTIAL": "key"}).store == "folder"


def test_prices_make_seconds_into_money() -> None:
    prices = load_settings({"STYLIZE_PRICE_GPU_HOUR": "0.6", "STYLIZE_PRICE_CPU_HOUR": "0.06"}).prices
    assert prices.cost(gpu_seconds=1800, cpu_seconds=36000) == pytest.approx(0.3 + 0.6)
    assert (prices.known, prices.currency) == (True, "USD")


def test_without_prices_no_cost_is_known() -> None:
    prices = load_settings({}).prices
    assert not prices.known
    assert prices.cost(gpu_seconds=3600, cpu_seconds=3600) == 0
