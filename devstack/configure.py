"""Write the services' configuration: ``configure.py TEMPLATES TARGET``.

Every file below TEMPLATES goes to the same place below TARGET, filled in from the environment; a
variable that is not set is an error. Files that end in ``.j2`` are for the others to include.
"""

import os
import sys
from pathlib import Path

import jinja2


def configure(templates: Path, target: Path) -> None:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    for name in environment.list_templates(filter_func=lambda name: not name.endswith(".j2")):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(environment.get_template(name).render(os.environ))


if __name__ == "__main__":
    configure(Path(sys.argv[1]), Path(sys.argv[2]))
