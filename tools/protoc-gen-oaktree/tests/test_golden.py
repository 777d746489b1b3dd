"""What is written for each language, letter by letter, and that Python can read it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse

PLUGIN = Path(__file__).resolve().parents[1]
# One folder a language.
GOLDEN = PLUGIN / "testdata"
LANGUAGES = sorted(one.name for one in GOLDEN.iterdir() if one.name != "proto")


def run(request: CodeGeneratorRequest) -> CodeGeneratorResponse:
    """The real process, as buf runs it."""
    done = subprocess.run(
        [sys.executable, str(PLUGIN)],
        input=request.SerializeToString(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    return CodeGeneratorResponse.FromString(done.stdout)


def written(
    compile_tree: Callable[..., CodeGeneratorRequest], language: str = "python"
) -> dict[str, str]:
    response = run(compile_tree(parameter=f"lang={language}"))
    assert response.error == ""
    return {file.name: file.content for file in response.file}


@pytest.mark.parametrize("language", LANGUAGES)
def test_output_is_golden(
    compile_tree: Callable[..., CodeGeneratorRequest],
    request: pytest.FixtureRequest,
    language: str,
) -> None:
    made = written(compile_tree, language)
    golden = GOLDEN / language
    if request.config.getoption("--update-golden"):
        for name, content in made.items():
            (golden / name).parent.mkdir(parents=True, exist_ok=True)
            (golden / name).write_text(content)
    kept = {
        str(file.relative_to(golden)): file.read_text()
        for file in golden.rglob("*")
        if file.is_file()
    }
    assert sorted(made) == sorted(kept)
    for name in kept:
        assert made[name] == kept[name], f"{name}: run pytest with --update-golden if it is meant"


def test_output_is_python(compile_tree: Callable[..., CodeGeneratorRequest]) -> None:
    for name, content in written(compile_tree).items():
        if name.endswith(".py"):
            ast.parse(content, name)
            too_long = [line for line in content.splitlines() if len(line) > 100]
            assert not too_long, name


def test_sync_and_aio_have_the_same_methods(
    compile_tree: Callable[..., CodeGeneratorRequest],
) -> None:
    made = written(compile_tree)

    def methods(name: str) -> list[tuple[str, str]]:
        functions = [
            one
            for one in ast.walk(ast.parse(made[name]))
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        return [(one.name, ast.unparse(one.args)) for one in functions]

    assert methods("oaktreemodel/v1/widget_sync.py") == methods("oaktreemodel/v1/widget_aio.py")


def retried(made: dict[str, str]) -> list[str]:
    (entry,) = json.loads(made["oaktreemodel/v1/service_config.json"])["methodConfig"]
    assert {one["service"] for one in entry["name"]} == {
        "oaktreemodel.v1.RationService",
        "oaktreemodel.v1.WidgetService",
    }
    assert entry["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
    return [one["method"] for one in entry["name"]]


def test_reads_and_creates_are_retried_and_nothing_else(
    compile_tree: Callable[..., CodeGeneratorRequest],
) -> None:
    assert retried(written(compile_tree, "go")) == [
        "GetRation",
        "GetForecast",
        "ListWidgets",
        "GetWidget",
        "CreateWidget",
        "WaitWidget",
        "WatchWidgets",
        "GetWidgetManual",
        "ListWidgetOwners",
    ]


def test_the_c_core_retries_no_streams(
    compile_tree: Callable[..., CodeGeneratorRequest],
) -> None:
    assert retried(written(compile_tree, "python")) == [
        "GetRation",
        "GetForecast",
        "GetWidget",
        "CreateWidget",
        "GetWidgetManual",
    ]


def test_without_a_language_it_only_checks(
    compile_tree: Callable[..., CodeGeneratorRequest],
) -> None:
    response = run(compile_tree())
    assert (response.error, len(response.file)) == ("", 0)


@pytest.mark.parametrize("parameter", ["lang=cobol", "language=python"])
def test_unknown_parameter_is_refused_and_every_language_has_golden_files(
    compile_tree: Callable[..., CodeGeneratorRequest], parameter: str
) -> None:
    response = run(compile_tree(parameter=parameter))
    known = ", ".join(f"lang={one}" for one in LANGUAGES)
    assert response.error == f"unknown parameter {parameter!r}; there is: {known}"
