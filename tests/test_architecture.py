"""What a reader may rely on in every file, checked over its text.

A rule is a function from a path and a text to what is wrong. So each can be shown bad samples: a rule
that refuses nothing proves nothing. Layers and cycles are import-linter's (see pyproject.toml), the
order inside `__all__` is ruff's.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pytest

Rule = Callable[[str, str], Iterator[str]]

ROOT = Path(__file__).parents[1]
LAYERS = ("protocols", "actors", "runtime")
SCRIPTS = ("examples", "tests", "bench")
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_ARGUMENTS = 300, 60, 8

ALLOWED: dict[str, str] = {}
"""Exceptions, as finding -> reason. Keep it empty."""


def dotted(node: ast.AST) -> str:
    """``a.b.c`` for an attribute chain or a name, otherwise nothing."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


@lru_cache(maxsize=1)
def nodes(text: str) -> tuple[ast.AST, ...]:
    """A module and everything in it, for all rules that look at it one after the other."""
    return tuple(ast.walk(ast.parse(text)))


def imported(text: str) -> Iterator[tuple[int, str]]:
    """Line and full name of each absolute import, also of one by a literal in a call."""
    for node in nodes(text):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in {"import_module", "__import__"}:
            yield from ((node.lineno, str(arg.value)) for arg in node.args[:1] if isinstance(arg, ast.Constant))


RAYS = {f"actors/transport/{name}.py" for name in ("calls", "cluster", "handles")}


def only_transport_knows_ray(path: str, text: str) -> Iterator[str]:
    for line, name in imported(text):
        if name.split(".")[0] == "ray" and path not in RAYS:
            yield f"{path}:{line} imports ray"


def has_one_name_per_module(path: str, text: str) -> Iterator[str]:
    for line, name in imported(text):
        if name.split(".")[0] in LAYERS:
            yield f"{path}:{line} imports {name}, which is a second copy of stigmergy.{name}"


def stays_small(path: str, text: str) -> Iterator[str]:
    if (lines := len(text.splitlines())) > MAX_FILE_LINES:
        yield f"{path} has {lines} lines"
    for node in nodes(text):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if (lines := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES:
                yield f"{path} {node.name} has {lines} lines"
            names = [arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)]
            if (count := len(names) - (names[:1] in (["self"], ["cls"]))) > MAX_ARGUMENTS:
                yield f"{path} {node.name} takes {count} arguments"


def runs_no_foreign_code(path: str, text: str) -> Iterator[str]:
    for line, name in imported(text):
        if name.split(".")[0] in {"pickle", "cloudpickle", "dill", "marshal", "shelve"}:
            yield f"{path}:{line} imports {name}: what it reads can run"
    for node in nodes(text):
        if isinstance(node, ast.Call) and dotted(node.func) in {"eval", "exec", "yaml.load", "yaml.unsafe_load"}:
            yield f"{path}:{node.lineno} calls {dotted(node.func)}"


def leaves_the_environment_to_settings(path: str, text: str) -> Iterator[str]:
    """Setting a variable, for a child process, is not reading one."""
    if path == "runtime/settings.py":
        return
    written = [
        node.value for node in nodes(text) if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load)
    ]
    written += [node.value for node in nodes(text) if isinstance(node, ast.Attribute) and node.attr == "update"]
    for node in nodes(text):
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            if found := {"environ", "environb", "getenv"} & {alias.name for alias in node.names}:
                yield f"{path}:{node.lineno} imports {', '.join(found)} from os"
        elif dotted(node) in {"os.environ", "os.environb", "os.getenv"} and node not in written:
            yield f"{path}:{getattr(node, 'lineno', 0)} reads the environment"


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, also those under an `if` (TYPE_CHECKING)."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from statements([*node.body, *node.orelse])


def binds(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names if getattr(node, "module", "") != "__future__"]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return [dotted(target) for target in (node.targets if isinstance(node, ast.Assign) else [node.target])]
    return []


def exports_what_is_public(path: str, text: str) -> Iterator[str]:
    public: set[str] = set()
    exported: set[str] = set()
    for node in statements(ast.parse(text).body):
        public.update(name for name in binds(node) if not name.startswith("_"))
        if isinstance(node, ast.Assign | ast.AnnAssign) and binds(node) == ["__all__"] and node.value:
            exported = set(ast.literal_eval(node.value))
    if missing := sorted(public - exported - {"TYPE_CHECKING"}):
        yield f"{path} keeps {missing} out of __all__"
    if unknown := sorted(exported - public):
        yield f"{path} promises {unknown} in __all__"


MACHINE_PATH = re.compile(r"(?<![\w.~})])/(?:" + "work|tmp|root" + r"|home/\w+|Users/\w+)(?![\w-])")
REGISTRY = re.compile(r"pythonhosted\.|:/{2}\S*/simple\b|registry\.(?:npmjs|yarnpkg)|(?:index-url|find-links)[ =]")


def names_no_machine(path: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for found in (MACHINE_PATH.search(line), REGISTRY.search(line)):
            if found:
                yield f"{path}:{number} names {found[0]!r}"


def python(*folders: str) -> list[str]:
    """The Python files below, but not those in hidden folders: they are other projects' (`bench/.peers`)."""
    paths = [path.relative_to(ROOT) for top in folders for path in (ROOT / top).rglob("*.py")]
    return sorted(str(path) for path in paths if not any(part.startswith(".") for part in path.parts))


def tracked() -> list[str]:
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]  # CI often checks out as another user
    try:
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive: no git, or no repository
        tops = [
            *ROOT.iterdir(),
            *(path for top in (*LAYERS, "docs", "tests", ".ci") for path in (ROOT / top).rglob("*")),
        ]
        listing = [str(path.relative_to(ROOT)) for path in tops if path.suffix != ".pyc"]
    return [path for path in listing if (ROOT / path).is_file()]


RULES: list[tuple[Rule, Callable[[], list[str]]]] = [
    (only_transport_knows_ray, lambda: python(*LAYERS)),
    (has_one_name_per_module, lambda: python(*LAYERS, *SCRIPTS)),
    (stays_small, lambda: python(*LAYERS)),
    (runs_no_foreign_code, lambda: python(*LAYERS)),
    (leaves_the_environment_to_settings, lambda: python(*LAYERS)),
    (exports_what_is_public, lambda: [f"{layer}/__init__.py" for layer in LAYERS]),
    (names_no_machine, tracked),
]


@cache
def findings() -> dict[Rule, list[str]]:
    """What each rule finds, file by file, so that each is read and parsed once."""
    found: dict[Rule, list[str]] = {}
    held_to: dict[str, list[Rule]] = {}
    for rule, files in RULES:
        for path in files():
            held_to.setdefault(path, []).append(rule)
    for path, rules in held_to.items():
        text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
        for rule in rules:
            found.setdefault(rule, []).extend(rule(path, text))
    return found


@pytest.mark.parametrize("rule", [rule for rule, _ in RULES], ids=lambda rule: rule.__name__)
def test_every_file(rule):
    assert [finding for finding in findings()[rule] if finding not in ALLOWED] == []


FUNCTION = "def f():\n"
BAD: list[tuple[Rule, str]] = [
    (only_transport_knows_ray, "import ray"),
    (only_transport_knows_ray, "def f():\n    from ray.exceptions import RayError"),
    (only_transport_knows_ray, "importlib.import_module('ray')"),
    (has_one_name_per_module, "from protocols.ids import AgentId"),
    (has_one_name_per_module, "import runtime"),
    (stays_small, "x = 1\n" * 301),
    (stays_small, FUNCTION + "    x = 1\n" * 60),
    (stays_small, "class A:\n  async def f(self, a, b, c, d, /, e, f, *g, h, **i): ..."),
    (runs_no_foreign_code, "import pickle"),
    (runs_no_foreign_code, "from cloudpickle import loads"),
    (runs_no_foreign_code, "x = eval('1')"),
    (runs_no_foreign_code, "yaml.load(text)"),
    (leaves_the_environment_to_settings, "x = os.environ['HOME']"),
    (leaves_the_environment_to_settings, "x = os.environ.get('HOME')"),
    (leaves_the_environment_to_settings, "x = dict(os.environ)"),
    (leaves_the_environment_to_settings, "x = os.getenv('HOME')"),
    (leaves_the_environment_to_settings, "from os import environ"),
    (exports_what_is_public, "from .ids import AgentId"),
    (exports_what_is_public, "from .ids import AgentId\n__all__ = ['AgentId', 'Gone']"),
    (exports_what_is_public, "LIMIT: int = 3\n__all__: list[str] = []"),
    (names_no_machine, "cd /" + "work/main"),
    (names_no_machine, "path = '/" + "tmp/x'"),
    (names_no_machine, "file:///" + "root"),
    (names_no_machine, "/" + "home/ann/stigmergy"),
    (names_no_machine, "--extra-index-" + "url https://example.org"),
    (names_no_machine, "https://example.org/" + "simple/ray/"),
]
GOOD: list[tuple[Rule, str]] = [
    (only_transport_knows_ray, "'''About ray.'''\nfrom .ray import x\nengine = 'ray'\nimport rayon"),
    (has_one_name_per_module, "from stigmergy.protocols import AgentId\nfrom .protocols import x"),
    (stays_small, "x = 1\n" * 300),
    (stays_small, FUNCTION + "    x = 1\n" * 59),
    (stays_small, "class A:\n  def f(self, a, b, c, d, e, f, g, h): ..."),
    (runs_no_foreign_code, "'''Never pickle.'''\nyaml.safe_load(text)\nmodel.eval()\nast.literal_eval(text)"),
    (leaves_the_environment_to_settings, "os.environ['A'] = 'b'\nos.environ.update(A='b')\ndel os.environ['A']"),
    (exports_what_is_public, "from __future__ import annotations\nfrom .ids import AgentId\n__all__ = ['AgentId']"),
    (exports_what_is_public, "if TYPE_CHECKING:\n    from .ids import AgentId\n__all__ = ['AgentId']"),
    (
        names_no_machine,
        "docs/work/x /workers /tmpfs examples/simple {base}/" + "tmp ~/" + "work",
    ),
]


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_a_rule_refuses_a_file_that_breaks_it(rule, text):
    assert list(rule("actors/sample.py", text))


@pytest.mark.parametrize(("rule", "text"), GOOD)
def test_a_rule_lets_a_file_pass_that_only_looks_alike(rule, text):
    assert list(rule("actors/sample.py", text)) == []


def test_each_rule_has_both_kinds_of_sample():
    assert {rule for rule, _ in RULES} == {rule for rule, _ in BAD} == {rule for rule, _ in GOOD}


def test_the_two_files_with_a_privilege_have_it():
    assert list(only_transport_knows_ray("actors/transport/handles.py", "import ray")) == []
    assert list(leaves_the_environment_to_settings("runtime/settings.py", "os.environ['HOME']")) == []


def test_every_exception_is_still_needed():
    assert set(ALLOWED) <= {finding for found in findings().values() for finding in found}


def declared(project: dict[str, Any]) -> set[str]:
    """The names of all dependencies, of whatever extra, but for the extras that include others."""
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return {re.split(r"[\[<>=~!; ]", line)[0] for group in groups for line in group} - {project["name"]}


def test_every_dependency_has_its_reason_and_its_version():
    dependencies = declared(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"])
    rows = re.findall(r"^\| ([a-z0-9, -]+) \|", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)
    pins = re.findall(r"^([\w.-]+)==[\w.]+$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert {name for row in rows for name in row.split(", ")} == dependencies
    assert dependencies <= set(pins)


def loads(module: str, *, importing: str) -> bool:
    """Whether a fresh interpreter that imports one thing has loaded the other."""
    code = f"import sys, {importing}; print({module!r} in sys.modules)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


@pytest.mark.parametrize("layer", LAYERS)
def test_importing_a_layer_does_not_import_ray(layer):
    assert not loads("ray", importing=f"stigmergy.{layer}")


def test_a_module_that_is_loaded_on_the_way_is_noticed():
    assert loads("json.decoder", importing="json")
