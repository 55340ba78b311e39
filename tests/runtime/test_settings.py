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
