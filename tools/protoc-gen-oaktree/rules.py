"""The API's rules, as far as a program can check them; RULES.rst says what each is for.

A rule is a function from a file to its violations. Its name is what a refusal names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import rules_calls
import rules_fields
from messages import Violation
from model import File, Model

WHERE_TO_READ = "tools/protoc-gen-oaktree/RULES.rst"

Rule = Callable[[File], Iterator[Violation]]
RULES: dict[str, Rule] = {
    rule.__name__.replace("_", "-"): rule for rule in (*rules_calls.RULES, *rules_fields.RULES)
}


def violations(model: Model) -> list[str]:
    """Every violation, as `file:line: what (rule, where to read it)`, in the order of the files."""
    found = sorted(
        (source.path, source.line, text, name)
        for file in model.files
        for name, check in RULES.items()
        for source, text in check(file)
    )
    return [
        f"{path}:{line}: {text} (rule {name} in {WHERE_TO_READ})"
        for path, line, text, name in found
    ]
