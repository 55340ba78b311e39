import pytest

from stigmergy.runtime.engines import engine_of
from stigmergy.runtime.settings import Settings


def test_an_empty_environment_knows_no_claude():
    assert Settings.from_env({}) == Settings()
    assert not Settings().has_claude


def test_a_key_or_a_server_is_enough_to_ask_claude():
    assert Settings.from_env({"ANTHROPIC_API_KEY": "k"}).has_claude
    assert Settings.from_env({"ANTHROPIC_BASE_URL": "http://127.0.0.1:8012"}).has_claude


def test_the_key_is_not_printed():
    assert "sk-secret" not in repr(Settings(anthropic_api_key="sk-secret"))


def test_the_environment_of_the_process_is_the_default(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "from-the-process")
    assert Settings.from_env().anthropic_api_key == "from-the-process"


def test_ray_says_whether_it_encrypts_in_its_own_words():
    said = [Settings.from_env({"RAY_USE_TLS": word}).ray_use_tls for word in ("1", "true", "True", "0", "", "false")]
    assert said == [True, True, True, False, False, False]


@pytest.mark.parametrize(
    ("address", "tls", "sockets"), [("local", "0", "near"), ("h:1", "0", "far"), ("h:1", "1", "near")]
)
def test_what_goes_between_nodes_goes_past_ray_unless_ray_encrypts_it(monkeypatch, address, tls, sockets):
    monkeypatch.setenv("RAY_USE_TLS", tls)
    assert engine_of("ray", address)._sockets == sockets  # type: ignore[attr-defined] # of a RayEngine
