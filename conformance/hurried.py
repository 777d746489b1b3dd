"""An oaktree that asks its clouds ten times as often, for they are embedded, and cases wait."""

import sys

from oaktree import cli, poller

poller.SINGLE, poller.FAST, poller.SLOW = 0.1, 0.2, 0.3

if __name__ == "__main__":
    sys.exit(cli.main())
