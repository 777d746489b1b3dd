"""What goes wrong on purpose, and what is counted."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import yaml
from oaktree.democloud import DemoCloud

from .conftest import PATIENCE, Rest, eventually, new_server, when

FLAVORS = "compute/v2.1/flavors"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("compute/v2.1/flavors", "overLimit"),
        ("volume/v3/volumes", "overLimit"),
        ("network/v2.0/networks", "NeutronError"),
        ("identity/v3/auth/projects", "error"),
    ],
)
def test_429_in_each_services_words(clouds: DemoCloud, modern: Rest, path: str, key: str) -> None:
    service = path.split("/")[0]
    clouds.fault("modern", "status", service=service, status=429, retry_after=7, times=2)
    for _ in range(2):
        answer = modern("GET", path)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
        assert list(answer.json()) == [key]
    assert modern("GET", path).status_code == 200


def test_a_fault_hits_what_it_says_and_no_more(clouds: DemoCloud, modern: Rest) -> None:
    where = {"service": "compute", "method": "GET", "path": "/flavors/{id}", "region": "east"}
    clouds.fault("modern", "status", status=503, times=None, **where)
    assert modern("GET", f"{FLAVORS}/1").status_code == 503
    assert modern("GET", FLAVORS).status_code == 200
    modern.region = "west"
    assert modern("GET", f"{FLAVORS}/1").status_code == 200
    modern.region = "east"
    clouds.clear_faults("modern")
    assert modern("GET", f"{FLAVORS}/1").status_code == 200
    clouds.fault("modern", "status", status=500, skip=1)
    assert [modern("GET", FLAVORS).status_code for _ in range(3)] == [200, 500, 200]


def test_what_is_late_takes_effect_though_its_client_has_left(
    clouds: DemoCloud, modern: Rest
) -> None:
    def pairs() -> list[str]:
        return [pair["name"] for pair in clouds.items("modern", "east", "keypairs")]

    clouds.fault("modern", "late", method="POST", path="/os-keypairs", seconds=0.5)
    body = {"keypair": {"name": "late"}}
    with pytest.raises(requests.Timeout):
        modern("POST", "compute/v2.1/os-keypairs", body, timeout=0.1)
    assert "late" not in pairs()
    eventually(lambda: "late" in pairs())


def test_an_unknown_fault_is_refused(clouds: DemoCloud) -> None:
    with pytest.raises(ValueError, match="kind must be one of delay, status"):
        clouds.fault("modern", "nonsense")
    with pytest.raises(ValueError, match="a fault has no sevice"):
        clouds.fault("modern", "cut", sevice="compute")
    with pytest.raises(ValueError, match="no setting is called speed"):
        clouds.set("modern", speed=1)


def test_broken_json(clouds: DemoCloud, modern: Rest) -> None:
    clouds.fault("modern", "broken_json")
    answer = modern("GET", FLAVORS)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        answer.json()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("cut", requests.exceptions.ConnectionError),
        ("cut_body", requests.exceptions.ChunkedEncodingError),
    ],
)
def test_cut_connections(
    clouds: DemoCloud, modern: Rest, kind: str, error: type[Exception]
) -> None:
    clouds.fault("modern", kind)
    with pytest.raises(error):
        modern("GET", FLAVORS)
    assert modern("GET", FLAVORS).status_code == 200
    # The cloud hung up, not the client.
    assert clouds.traffic("modern")["cut"] == 0


def test_a_post_whose_answer_is_lost_took_effect(clouds: DemoCloud, modern: Rest) -> None:
    clouds.fault("modern", "lost_answer", method="POST", service="compute")
    with pytest.raises(requests.exceptions.ConnectionError):
        new_server(modern, "lost")
    (server,) = modern.get("compute/v2.1/servers")["servers"]
    assert server["name"] == "lost"


def test_silence_and_the_client_that_gives_up(clouds: DemoCloud, modern: Rest) -> None:
    clouds.fault("modern", "silent", service="compute")
    with pytest.raises(requests.exceptions.ReadTimeout):
        modern("GET", FLAVORS, timeout=0.2)
    eventually(lambda: clouds.traffic("modern")["cut"] == 1)
    assert clouds.traffic("modern")["in_flight"] == 0


def test_a_delayed_post_that_its_client_left_makes_nothing(clouds: DemoCloud, modern: Rest) -> None:
    clouds.fault("modern", "delay", seconds=60, method="POST", service="compute")
    with pytest.raises(requests.exceptions.ReadTimeout):
        modern("POST", "compute/v2.1/servers", {"server": {"name": "x"}}, timeout=0.2)
    eventually(lambda: clouds.traffic("modern")["cut"] == 1)
    assert modern.get("compute/v2.1/servers")["servers"] == []


def test_how_many_at_once(clouds: DemoCloud, modern: Rest) -> None:
    clouds.fault("modern", "delay", seconds=0.3, times=None, service="compute")
    clouds.reset_calls()
    threads = [
        threading.Thread(
            target=requests.get,
            args=(f"{modern.root}/east/{FLAVORS}",),
            kwargs={"headers": {"x-auth-token": modern.token}, "timeout": PATIENCE},
        )
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    eventually(lambda: clouds.traffic("modern")["in_flight"] == 5)
    for thread in threads:
        thread.join()
    traffic = clouds.traffic("modern")
    assert (traffic["most_in_flight"], traffic["in_flight"], traffic["cut"]) == (5, 0, 0)
    assert traffic["kinds"] == {"GET compute /flavors": 5}


def test_an_expired_token_is_401_once(clouds: DemoCloud, modern: Rest) -> None:
    clouds.fault("modern", "expired_token", service="compute")
    assert modern("GET", FLAVORS).status_code == 401
    # The token is gone for good, in every service.
    assert modern("GET", "image/v2/images").status_code == 401
    modern.login()
    assert modern("GET", FLAVORS).status_code == 200


def test_a_server_that_ends_in_error(clouds: DemoCloud, modern: Rest) -> None:
    clouds.fault("modern", "server_error", path="/servers", method="POST", message="No host.")
    server = when(modern, new_server(modern), "ERROR")
    assert (server["fault"]["code"], server["fault"]["message"]) == (500, "No host.")
    assert "fault" not in when(modern, new_server(modern), "ACTIVE")


def test_a_cloud_that_goes_and_comes_back(clouds: DemoCloud, modern: Rest) -> None:
    (key,) = clouds.add_servers("modern", "east", 1)
    clouds.fault("modern", "silent", service="network")
    waiting: list[BaseException] = []

    def wait() -> None:
        try:
            requests.get(
                f"{modern.root}/east/network/v2.0/networks",
                headers={"x-auth-token": modern.token},
                timeout=PATIENCE,
            )
        except requests.exceptions.ConnectionError as error:
            waiting.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    eventually(lambda: clouds.traffic("modern")["in_flight"] == 1)
    clouds.stop("modern")
    thread.join(PATIENCE)
    assert len(waiting) == 1
    with pytest.raises(requests.exceptions.ConnectionError, match="refused"):
        requests.get(modern.root, timeout=PATIENCE)
    clouds.start_again("modern")
    assert modern.get(f"compute/v2.1/servers/{key}")["server"]["status"] == "ACTIVE"
    assert clouds.traffic("modern")["cut"] == 0


def test_calls_are_counted_by_kind(clouds: DemoCloud, rest: Callable[..., Rest]) -> None:
    modern, kilo = rest("modern", "west"), rest("kilo")
    clouds.reset_calls()
    modern.get(f"{FLAVORS}/1")
    modern.get(f"{FLAVORS}/2")
    modern("GET", "volume/v3/nowhere")
    kilo.get(f"{FLAVORS}/detail")
    assert clouds.calls("modern") == {"GET compute /flavors/{id}": 2, "GET volume (unknown)": 1}
    assert clouds.calls()["GET compute /flavors/detail"] == 1


def test_as_a_process_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "clouds.yaml"
    command = [sys.executable, "-m", "oaktree.democloud", "--clouds-yaml", str(path)]
    with subprocess.Popen(
        [*command, "--servers", "3"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("democloud ready: modern http://127.0.0.1:")
            entry = yaml.safe_load(path.read_text())["clouds"]["modern"]
            assert len(Rest(entry, "west").get("compute/v2.1/servers")["servers"]) == 3
            port = entry["auth"]["auth_url"].split(":")[2].split("/")[0]
            taken = subprocess.run(
                [*command, "--port-base", port], capture_output=True, text=True, timeout=PATIENCE
            )
            assert (taken.returncode, "Address already in use" in taken.stderr) == (1, True)
        finally:
            process.terminate()
        assert process.wait(PATIENCE) == 0
