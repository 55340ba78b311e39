"""What several files of tests ask about, and a key that must never be seen again."""

SECRET = "sk-ant-test-4b1d-do-not-print"
MODEL = "claude-haiku-4-5"
