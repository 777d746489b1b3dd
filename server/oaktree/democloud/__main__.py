"""The embedded clouds as a process of their own: python -m oaktree.democloud."""

import argparse
import signal
import sys
import threading

from .handle import DemoCloud


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m oaktree.democloud", description=__doc__)
    parser.add_argument("--clouds-yaml", metavar="PATH", help="write a clouds.yaml for them there")
    parser.add_argument("--port-base", type=int, metavar="N", help="first of three ports")
    parser.add_argument("--servers", type=int, default=0, metavar="N", help="in each region")
    parser.add_argument("--build-seconds", type=float, default=1.0, metavar="S")
    parser.add_argument("--extras", action="store_true", help="other users of modern, too")
    chosen = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        demo = DemoCloud.start(port_base=chosen.port_base, build_seconds=chosen.build_seconds)
    except OSError as error:
        print(f"democloud: {error}", file=sys.stderr)
        return 1
    with demo:
        for name, cloud in demo.clouds.items():
            for region in cloud.regions if chosen.servers else ():
                demo.add_servers(name, region, chosen.servers)
        if chosen.clouds_yaml:
            demo.write_clouds_yaml(chosen.clouds_yaml, extras=chosen.extras)
        where = ", ".join(f"{name} {cloud.address}" for name, cloud in demo.clouds.items())
        print(f"democloud ready: {where}", flush=True)
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
