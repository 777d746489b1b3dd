"""Serve one OpenStack API's WSGI application: ``MODULE PORT [ARGUMENT...]``.

MODULE has ``application``. The ARGUMENTs are what the application finds in ``sys.argv``, which the
APIs parse for themselves; gunicorn's own command line would refuse them.
"""

import importlib
import sys
from typing import Any

from gunicorn.app.base import BaseApplication

# Module: how many processes, with how many threads each. One with many is the rule, since each
# costs 100 to 250 MB; but Keystone keeps the token of the request at hand where all threads see it,
# and so takes a request for another user's at times.
WORKERS = {"keystone.wsgi.api": (3, 1)}


class Api(BaseApplication):
    def __init__(self, module: str, port: str) -> None:
        self.module = module
        self.port = port
        super().__init__()

    def load_config(self) -> None:
        workers, threads = WORKERS.get(self.module, (1, 16))
        settings = {
            "bind": f"127.0.0.1:{self.port}",
            "worker_class": "gthread",
            "workers": workers,
            "threads": threads,
            "timeout": 300,
            "graceful_timeout": 2,
            # Longer than clients keep idle connections: else they meet one just closed.
            "keepalive": 120,
            # Its place would be the same for every API.
            "control_socket_disable": True,
        }
        for key, value in settings.items():
            self.cfg.set(key, value)

    def load(self) -> Any:
        return importlib.import_module(self.module).application


def main() -> None:
    module, port, *arguments = sys.argv[1:]
    sys.argv = [module.replace(".", "-"), *arguments]
    Api(module, port).run()


if __name__ == "__main__":
    main()
