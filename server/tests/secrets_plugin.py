"""Looks through all that the tests make their oaktrees say, and fails the run if there is a secret.

Known are the secrets of everything that the tests start; looked through are the records of every
logger, the statuses of all calls, warnings, and what the tests and their processes print. Not what
a failed test held, which pytest shows.
"""

from __future__ import annotations

import bisect
import logging
import re
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oaktree import http, tokenfile
from oaktree.cli import QUIET
from oaktree.democloud import DemoCloud
from oaktree.democloud.keystone import service, tokens
from oaktree.errors import Refused

# Whatever is shorter may be a word by chance.
SHORTEST = 12
# What the clouds are told, and tell, that nobody else may read.
_TOLD = re.compile(
    r'"(?:password|secret|user_data|adminPass|private_key|access_token)":\s*"([^"]+)'
)
_WORDS = re.compile(rf"[\w+/=-]{{{SHORTEST},}}")


class Secrets:
    """pytest's plugin."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self._patch = pytest.MonkeyPatch()
        self._told: list[str] = []
        # Where the texts of each source begin, in their order.
        self._begins: list[int] = []
        self._sources: list[str] = []
        self._size = 0
        self._test = "before the tests"
        self._logs: list[Path] = []
        self._found: list[str] = []

    # Secrets.

    def add(self, secret: str) -> None:
        lines = re.split(r"\\n|\n", secret)
        # Of a key, each line.
        self.known.update(line for line in lines if len(line) >= SHORTEST and line[:5] != "-----")

    def _add_files(self) -> None:
        """The tokens of the oaktrees that run now."""
        for file in tokenfile.folder().glob("*"):
            self.add(file.read_text().strip())

    # What is said.

    def say(self, source: str, text: str) -> None:
        where = f"{source} of {self._test}"
        if not self._sources or self._sources[-1] != where:
            self._sources.append(where)
            self._begins.append(self._size)
        self._told.append(text)
        self._size += len(text) + 1

    def leaks(self) -> Iterator[str]:
        """Where the secrets are."""
        told = "\n".join(self._told)
        # Most of what is told, is told often.
        words = "\n".join(set(_WORDS.findall(told)))
        for secret in sorted(self.known):
            if secret in (words if _WORDS.fullmatch(secret) else told):
                found = self._sources[bisect.bisect(self._begins, told.index(secret)) - 1]
                yield f"{secret[:4]}... in {found}"

    # What pytest calls.

    def pytest_configure(self, config: pytest.Config) -> None:
        if config.option.log_level is None:
            # pytest itself goes on to keep what it did, and all that those records hold on to.
            config.option.log_level = "WARNING"
        password = f"democloud-{secrets.token_hex(8)}"
        self.add(password)
        for module in (service, tokens):
            self._patch.setattr(module, "PASSWORD", password)
        self._record()
        handler = _Handler(self)
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        logging.getLogger().addHandler(handler)
        logging.getLogger().setLevel(logging.DEBUG)
        for name in QUIET:
            logging.getLogger(name).setLevel(logging.WARNING)

    def _record(self) -> None:
        def made(token_file: Any) -> None:
            make_token_file(token_file)
            self.add(token_file.token)

        def closed(demo: Any) -> None:
            for cloud in demo.clouds.values():
                for secret in cloud.secrets:
                    self.add(secret)
            close(demo)

        def sent(adapter: Any, request: Any, *arguments: Any, **named: Any) -> Any:
            answer = send(adapter, request, *arguments, **named)
            if request.method == "POST":
                for body in (request.body, answer.content):
                    text = body.decode(errors="replace") if isinstance(body, bytes) else body
                    for secret in _TOLD.findall(text or ""):
                        self.add(secret)
            return answer

        def told(refused: Any) -> Any:
            made = status(refused)
            self.say("a status", str(made))
            return made

        def begun(process: Any, arguments: Any, *more: Any, **named: Any) -> None:
            begin(process, arguments, *more, **named)
            for name in ("stdout", "stderr"):
                if getattr(process, name) is not None:
                    setattr(process, name, _Pipe(getattr(process, name), self._printed))
                elif hasattr(named.get(name), "name"):
                    self._logs.append(Path(named[name].name))

        def communicated(process: Any, *arguments: Any, **named: Any) -> Any:
            printed = communicate(process, *arguments, **named)
            for text in printed:
                self._printed(text)
            return printed

        make_token_file, close = tokenfile.TokenFile.__init__, DemoCloud.close
        send, status = http.BoundedAdapter.send, Refused.status
        begin, communicate = subprocess.Popen.__init__, subprocess.Popen.communicate
        for kind, name, function in (
            (tokenfile.TokenFile, "__init__", made),
            (DemoCloud, "close", closed),
            (http.BoundedAdapter, "send", sent),
            (Refused, "status", told),
            (subprocess.Popen, "__init__", begun),
            (subprocess.Popen, "communicate", communicated),
        ):
            self._patch.setattr(kind, name, function)

    def _printed(self, text: str | bytes | None) -> None:
        self._add_files()
        if text:
            shown = text.decode(errors="replace") if isinstance(text, bytes) else text
            self.say("what a process printed", shown)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._test = nodeid

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for title, text in report.sections:
            self.say(title, text)

    def pytest_warning_recorded(self, warning_message: Any) -> None:
        self.say("a warning", str(warning_message.message))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._test = "the whole run"
        for path in self._logs:
            if path.exists():
                self.say(f"the log {path}", path.read_text(errors="replace"))
        self._found = list(self.leaks())
        if self._found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self._patch.undo()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for leak in self._found:
            terminalreporter.write_line(f"SECRET {leak}", red=True)


class _Handler(logging.Handler):
    def __init__(self, plugin: Secrets) -> None:
        super().__init__()
        self._plugin = plugin

    def emit(self, record: logging.LogRecord) -> None:
        self._plugin.say("the log", self.format(record))


class _Pipe:
    """What a process prints, kept as it is read."""

    def __init__(self, file: Any, keep: Any) -> None:
        self._file, self._keep = file, keep

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Pipe:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        line = next(self._file)
        self._keep(line)
        return line

    def readline(self, *arguments: Any) -> Any:
        line = self._file.readline(*arguments)
        self._keep(line)
        return line

    def read(self, *arguments: Any) -> Any:
        text = self._file.read(*arguments)
        self._keep(text)
        return text
