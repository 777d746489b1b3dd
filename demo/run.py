"""Starts `oaktree demo` on a free port, runs demo.py on it, and stops it: `python demo/run.py`.

With --keep it is left running, to try more. Ends with 0 if the demo worked to its end.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Beside this interpreter: the PATH may hold another's.
OAKTREE = Path(sys.executable).with_name("oaktree")

# Seconds. Far more than anything takes, so that only what hangs is ended.
START, DEMO, STOP = 60, 300, 30


def start(log: Path) -> subprocess.Popen[bytes]:
    """`oaktree demo`, in a session of its own: Ctrl-C ends the demo, and the demo ends oaktree."""
    # A file, not a pipe: it may have to last longer than this process.
    with log.open("wb") as file:
        return subprocess.Popen(
            [OAKTREE, "demo", "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def told(process: subprocess.Popen[bytes], log: Path, pattern: str) -> re.Match[str]:
    """Wait for what oaktree says. RuntimeError, with its log, if it does not say it."""
    end = time.monotonic() + START
    while time.monotonic() < end:
        ended = process.poll() is not None
        if said := re.search(pattern, log.read_text(), re.MULTILINE):
            return said
        if ended:
            raise RuntimeError(f"oaktree ended with {process.returncode}:\n{log.read_text()}")
        time.sleep(0.05)
    raise RuntimeError(f"oaktree did not start within {START} seconds:\n{log.read_text()}")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--keep", action="store_true", help="leave oaktree and its clouds running")
    keep = parser.parse_args().keep
    handle, name = tempfile.mkstemp(prefix="oaktree-demo-", suffix=".log")
    os.close(handle)
    log = Path(name)
    process = start(log)
    works = False
    try:
        where = told(process, log, r"^oaktree serves on (\S+)$")[1]
        print(f"three made-up clouds, and an oaktree on {where}", flush=True)
        done = subprocess.run([sys.executable, HERE / "demo.py", where], check=False, timeout=DEMO)
        works = done.returncode == 0
        if not works:
            print(f"the demo ended with {done.returncode}; oaktree said:\n{log.read_text()}")
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        print(f"the demo failed: {error}", file=sys.stderr)
    finally:
        if not (keep and works):
            stop(process)
            log.unlink()
    if keep and works:
        print(f"left running: {where} (log in {log}); end it with: kill {process.pid}")
    return 0 if works else 1


if __name__ == "__main__":
    sys.exit(main())
