"""Imports: of what was staged, of what a URL gives, and the old way by an object and a task."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from oaktree.democloud import DemoCloud
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from .conftest import Rest, eventually
from .test_image_data import BYTES, DATA, IMAGES, QCOW2, new, put, status
from .wire import Wire

Make = Callable[..., Rest]
TASKS = "image/v2/tasks"
FAILED = "os_glance_failed_import"


def bring(rest: Rest, key: str, name: str, **more: Any) -> Any:
    return rest("POST", f"{IMAGES}/{key}/import", {"method": {"name": name, **more}})


def stage(rest: Rest, key: str, data: bytes = DATA) -> int:
    return rest("PUT", f"{IMAGES}/{key}/stage", data=data, headers=BYTES).status_code


def task_of(rest: Rest, key: str) -> Any:
    """The image's only task, once it has ended."""

    def ended() -> Any:
        (task,) = rest.get(f"{IMAGES}/{key}/tasks")["tasks"]
        return task if task["status"] in ("success", "failure") else None

    return eventually(ended)


@pytest.fixture
def site() -> Iterator[str]:
    """A web server on loopback: /image, and /half, which ends too early."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path in ("/image", "/half")
            self.send_response(200 if found else 404)
            self.send_header("content-length", str(len(DATA) if found else 0))
            self.end_headers()
            self.wfile.write(DATA[:4] if self.path == "/half" else DATA if found else b"")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_was_staged(modern: Rest) -> None:
    key = new(modern)
    assert stage(modern, key) == 204
    image = modern.get(f"{IMAGES}/{key}")
    assert (image["status"], image["size"]) == ("uploading", len(DATA))
    assert stage(modern, key) == 409
    assert put(modern, key) == 409
    assert modern("GET", f"{IMAGES}/{key}/file").status_code == 204
    assert bring(modern, key, "glance-direct").status_code == 202
    task = task_of(modern, key)
    assert (task["status"], task["type"]) == ("success", "api_image_import")
    assert task["result"] == {"image_id": key}
    image = modern.get(f"{IMAGES}/{key}")
    assert (image["status"], image[FAILED], image["size"]) == ("active", "", len(DATA))
    assert modern("GET", f"{IMAGES}/{key}/file").content == DATA
    assert bring(modern, key, "glance-direct").status_code == 409


def test_staging_that_is_broken_off_may_be_begun_again(modern: Rest) -> None:
    key = new(modern)
    wire = Wire(
        modern,
        "PUT",
        f"{IMAGES}/{key}/stage",
        content_type=BYTES["content-type"],
        content_length="1000",
    )
    eventually(lambda: status(modern, key) == "uploading")
    wire.cut()
    eventually(lambda: status(modern, key) == "queued")
    assert stage(modern, key) == 204


def test_what_a_url_gives(clouds: DemoCloud, modern: Rest, site: str) -> None:
    clouds.set("modern", import_seconds=0.2)
    key = new(modern)
    assert bring(modern, key, "web-download", uri=f"{site}/image").status_code == 202
    image = modern.get(f"{IMAGES}/{key}")
    assert (image["status"], image["os_glance_importing_to_stores"]) == ("queued", "files")
    assert bring(modern, key, "web-download", uri=f"{site}/image").status_code == 409
    assert task_of(modern, key)["status"] == "success"
    image = modern.get(f"{IMAGES}/{key}")
    assert (image["status"], image["os_glance_importing_to_stores"]) == ("active", "")
    assert "os_glance_import_task" not in image
    assert modern("GET", f"{IMAGES}/{key}/file").content == DATA


@pytest.mark.parametrize("page", ["/image/not", "/half"])
def test_a_url_that_does_not_give_it(modern: Rest, site: str, page: str) -> None:
    key = new(modern)
    assert bring(modern, key, "web-download", uri=site + page).status_code == 202
    task = task_of(modern, key)
    assert task["status"] == "failure"
    assert task["message"]
    image = modern.get(f"{IMAGES}/{key}")
    assert (image["status"], image[FAILED], image["size"]) == ("queued", "files", None)
    assert bring(modern, key, "web-download", uri=f"{site}/image").status_code == 202
    eventually(lambda: status(modern, key) == "active")
    assert modern.get(f"{IMAGES}/{key}")[FAILED] == ""


def test_an_import_of_the_wrong_format(modern: Rest) -> None:
    key = new(modern, disk_format="vmdk")
    stage(modern, key, QCOW2)
    bring(modern, key, "glance-direct")
    task = task_of(modern, key)
    assert (task["status"], task["message"]) == ("failure", "Task failed due to Internal Error")
    image = modern.get(f"{IMAGES}/{key}")
    # It comes to nothing any more.
    assert (image["status"], image[FAILED]) == ("importing", "files")
    assert [stage(modern, key), put(modern, key)] == [409, 409]
    assert bring(modern, key, "glance-direct").status_code == 409
    assert modern("DELETE", f"{IMAGES}/{key}").status_code == 204


def test_an_import_over_the_quota(clouds: DemoCloud, modern: Rest) -> None:
    clouds.set("modern", quota={"image_size_total": 0})
    key = new(modern)
    assert stage(modern, key) == 204
    bring(modern, key, "glance-direct")
    assert "over a limit for [Resource image_size_total" in task_of(modern, key)["message"]
    assert status(modern, key) == "uploading"
    clouds.set("modern", quota={"image_size_total": 1})
    assert bring(modern, key, "glance-direct").status_code == 202
    eventually(lambda: status(modern, key) == "active")


def test_what_cannot_be_imported(modern: Rest) -> None:
    key = new(modern)
    answer = modern("POST", f"{IMAGES}/{key}/import", {})
    assert (answer.status_code, "requires a &#x27;method&#x27;" in answer.text) == (400, True)
    for name, more, code in (
        ("nonsense", {}, 400),
        ("web-download", {}, 400),
        ("web-download", {"uri": "ftp://x/y"}, 400),
        ("glance-direct", {}, 409),
        ("copy-image", {}, 409),
    ):
        assert bring(modern, key, name, **more).status_code == code
    active = new(modern)
    put(modern, active)
    assert bring(modern, active, "copy-image").status_code == 403
    bare = new(modern, container_format=None)
    assert bring(modern, bare, "web-download", uri="http://127.0.0.1/").status_code == 409
    reserved = modern("POST", IMAGES, {FAILED: "files"})
    assert (reserved.status_code, "is reserved" in reserved.text) == (403, True)


def test_tasks_are_for_admins(modern: Rest, rest: Make) -> None:
    assert modern("GET", TASKS).status_code == 403
    assert modern("POST", TASKS, {"type": "import", "input": {}}).status_code == 403
    assert rest("modern-admin").get(TASKS)["tasks"] == []


def test_kilo_has_tasks_and_no_imports(rest: Make) -> None:
    kilo = rest("kilo")
    key = new(kilo)
    assert stage(kilo, key) == 404
    assert bring(kilo, key, "glance-direct").status_code == 404
    assert kilo("GET", f"{IMAGES}/{key}/tasks").status_code == 404
    assert put(kilo, key) == 204
    assert kilo.get(TASKS)["tasks"] == []


def by_task(rest: Rest, where: str) -> Any:
    asked = {
        "type": "import",
        "input": {
            "import_from": where,
            "import_from_format": "raw",
            "image_properties": {"name": "by task", "os_distro": "debian"},
        },
    }
    answer = rest("POST", TASKS, asked)
    assert answer.status_code == 201, answer.text
    key = answer.json()["id"]

    def ended() -> Any:
        task = rest.get(f"{TASKS}/{key}")
        return task if task["status"] in ("success", "failure") else None

    return eventually(ended)


@pytest.mark.parametrize("cloud", ["kilo", "modern"])
def test_an_object_becomes_an_image(clouds: DemoCloud, rest: Make, cloud: str) -> None:
    clouds.set(cloud, upload_by_task=True)
    asking = rest(cloud)
    assert put(asking, new(asking)) == 403
    account = f"object-store/v1/AUTH_{asking.project}"
    assert asking("PUT", f"{account}/images").status_code == 201
    assert asking("PUT", f"{account}/images/a disk", data=DATA).status_code == 201
    task = by_task(asking, "images/a disk")
    assert task["status"] == "success", task
    image = asking.get(f"{IMAGES}/{task['result']['image_id']}")
    assert (image["name"], image["status"], image["os_distro"]) == ("by task", "active", "debian")
    assert asking("GET", f"{IMAGES}/{image['id']}/file").content == DATA
    failed = by_task(asking, "images/another")
    assert (failed["status"], failed["result"]) == ("failure", None)
    assert "images/another" in failed["message"]
    other = [one["id"] for one in asking.get(TASKS)["tasks"]]
    assert other == [failed["id"], task["id"]]


def test_one_project_does_not_import_what_is_anothers(clouds: DemoCloud, rest: Make) -> None:
    clouds.set("modern", upload_by_task=True)
    demo, other = rest("modern"), rest("modern-other")
    account = f"object-store/v1/AUTH_{demo.project}"
    demo("PUT", f"{account}/images")
    demo("PUT", f"{account}/images/mine", data=DATA)
    assert by_task(other, "images/mine")["status"] == "failure"


def test_the_sdk_uploads_by_task(clouds: DemoCloud, tmp_path: Path) -> None:
    clouds.set("kilo", upload_by_task=True)
    told = clouds.write_clouds_yaml(tmp_path / "clouds.yaml")
    path = tmp_path / "disk.raw"
    path.write_bytes(DATA)
    config = OpenStackConfig(config_files=[str(told)], load_envvars=False)
    with Connection(config=config.get_one("kilo")) as conn:
        image = conn.create_image(
            "by-sdk", filename=str(path), disk_format="raw", container_format="bare", wait=True
        )
        assert image is not None
        assert conn.image.get_image(image.id).status == "active"
        assert conn.image.download_image(image.id).content == DATA
        assert list(conn.object_store.objects("images")) == []
