"""oaktree.yaml: what a deployer's oaktree is told, and what it will not take."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from oaktree.budget import RATE
from oaktree.deployment import Deployment, Limits, Tls, read
from oaktree.listening import DEFAULT
from openstack import exceptions

SECRET = "hunter2"
Read = Callable[[Any], Deployment]
CLOUD: dict[str, Any] = {
    "auth": {"auth_url": "https://keystone.example.com/v3"},
    "region_name": "RegionOne",
}


@pytest.fixture
def told(tmp_path: Path) -> Read:
    """Reads what a file with this content says."""

    def read_it(content: Any) -> Deployment:
        path = tmp_path / "oaktree.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return read(path)

    return read_it


def test_all_there_can_be(told: Read, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    found = told(
        f"""
        listen: 0.0.0.0:50051
        tls: {{certificate: tls.crt, key: /keys/tls.key, client_ca: clients.pem}}
        clouds:
          one:
            auth: {{auth_url: https://keystone.example.com/v3}}
            regions: [RegionOne, {{name: RegionTwo, values: {{interface: internal}}}}]
            region_name: RegionTwo
            interface: public
            cacert: ca.pem
            compute_api_version: "2"
            rate: 2.5
          two: {CLOUD}
        default_cloud: two
        limits:
          token_check_seconds: 1
          callers: 2
          callers_per_user: 6
          idle_seconds: 3
          streams_per_caller: 4
          wrong_tokens_per_peer_per_minute: 5
        """
    )
    assert found.listen == "0.0.0.0:50051"
    assert found.tls == Tls(
        tmp_path / "oaktree.yaml",
        tmp_path / "tls.crt",
        Path("/keys/tls.key"),
        tmp_path / "clients.pem",
    )
    assert found.default_cloud == "two"
    assert found.limits == Limits(1, 2, 6, 3, 4, 5)
    one = found.clouds["one"]
    assert one.auth_url == "https://keystone.example.com/v3"
    assert (one.region_name, one.rate, one.profile) == ("RegionTwo", 2.5, "")
    assert list(one.regions) == ["RegionOne", "RegionTwo"]
    first, second = one.regions.values()
    assert (first.name, first.get_region_name("compute")) == ("one", "RegionOne")
    assert (first.get_interface("compute"), second.get_interface("compute")) == (
        "public",
        "internal",
    )
    assert first.get_requests_verify_args()[0] == str(tmp_path / "ca.pem")
    assert first.get_default_microversion("compute") is None
    assert first.get_api_version("compute") == "2"


def test_what_is_left_out(told: Read) -> None:
    found = told({"clouds": {"one": CLOUD}})
    assert (found.listen, found.tls, found.default_cloud) == (DEFAULT, None, "one")
    assert found.limits == Limits(30, 1000, 50, 1800, 10_000, 30)
    assert found.clouds["one"].rate == RATE
    assert found.clouds["one"].region_name == "RegionOne"
    assert told({"clouds": {"one": CLOUD, "two": CLOUD}}).default_cloud == ""
    assert told({"clouds": {"one": CLOUD}, "limits": None, "tls": None}) is not None


def test_nobody_is_logged_in(told: Read) -> None:
    (region,) = told({"clouds": {"one": CLOUD}}).clouds["one"].regions.values()
    with pytest.raises(exceptions.ConfigException):
        region.get_session()
    assert region.config["auth"] == {"auth_url": "https://keystone.example.com/v3"}


def test_the_environment_of_whoever_starts_it_is_not_looked_at(
    told: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in [
        ("OS_USERNAME", "admin"),
        ("OS_PASSWORD", SECRET),
        ("OS_CLOUD", "two"),
        ("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml")),
    ]:
        monkeypatch.setenv(name, value)
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"two": CLOUD}}))
    found = told({"clouds": {"one": CLOUD}})
    assert (list(found.clouds), found.default_cloud) == (["one"], "one")
    assert SECRET not in str(found.clouds["one"].regions["RegionOne"].config)


def test_vendor_profiles(told: Read) -> None:
    cloud = told({"clouds": {"one": {"profile": "catalyst"}}}).clouds["one"]
    assert cloud.profile == "catalyst"
    # Where the profile has v2.0.
    assert cloud.auth_url == "https://api.cloud.catalyst.net.nz:5000"
    assert cloud.regions.keys() >= {"nz-por-1", "nz_wlg_2"}
    assert all(
        region.config["auth"].keys() == {"auth_url"} and region.config["image_format"] == "raw"
        for region in cloud.regions.values()
    )


def test_regions_that_share_no_identity_service_are_clouds_of_their_own(told: Read) -> None:
    with pytest.raises(ValueError, match=r"clouds\.one\.regions do not share one identity service"):
        told({"clouds": {"one": {"profile": "citycloud"}}})
    one = told({"clouds": {"one": {"profile": "citycloud", "region_name": "Fra1"}}}).clouds["one"]
    assert one.auth_url == "https://Fra1.citycloud.com:5000/v3"


PERSONAL = [
    ({"username": SECRET}, "clouds.one.username"),
    ({"password": SECRET}, "clouds.one.password"),
    ({"user-id": SECRET}, "clouds.one.user-id"),
    ({"token": SECRET}, "clouds.one.token"),
    ({"passcode": SECRET}, "clouds.one.passcode"),
    ({"client_id": SECRET}, "clouds.one.client_id"),
    ({"client_secret": SECRET}, "clouds.one.client_secret"),
    ({"application_credential_id": SECRET}, "clouds.one.application_credential_id"),
    ({"application_credential_secret": SECRET}, "clouds.one.application_credential_secret"),
    ({"auth_type": SECRET}, "clouds.one.auth_type"),
    ({"project_name": SECRET}, "clouds.one.project_name"),
    ({"X-Auth-Token": SECRET}, "clouds.one.X-Auth-Token"),
    ({"auth": {"password": SECRET}}, "clouds.one.auth.password"),
    ({"auth": CLOUD["auth"] | {"user_id": SECRET}}, "clouds.one.auth.user_id"),
    ({"auth": {"anything": {"else": SECRET}}}, "clouds.one.auth.anything"),
    ({"regions": [{"name": "a", "values": {"token": SECRET}}]}, "clouds.one.regions[0].values.tok"),
    (
        {"regions": ["a", {"name": "b", "values": {"auth": {"password": SECRET}}}]},
        "clouds.one.regions[1].values.auth.password",
    ),
]


@pytest.mark.parametrize(("entry", "where"), PERSONAL)
def test_credentials_are_refused(
    told: Read, entry: dict[str, Any], where: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValueError, match="holds no credentials; take it out") as caught:
        told({"clouds": {"one": CLOUD | entry}})
    assert f"oaktree.yaml: {where}" in str(caught.value)
    assert SECRET not in str(caught.value) + caplog.text
    assert caught.value.__cause__ is None


WRONG: list[tuple[Any, str]] = [
    ({}, "clouds is missing"),
    ({"clouds": {}}, "clouds is missing"),
    ("clouds: {one: {}", "is not YAML: see line 1"),
    ("- a", "must be a mapping"),
    ("1: 2", "has a key that is not text"),
    ({"clouds": {"one": CLOUD}, "cloud": "one"}, "cloud is unknown here"),
    ({"clouds": ["one"]}, "clouds must be a mapping"),
    ({"clouds": {"one": SECRET}}, "clouds.one must be a mapping"),
    ({"clouds": {"one": CLOUD | {"rate": SECRET}}}, "clouds.one.rate must be a number, 0 or more"),
    ({"clouds": {"one": CLOUD | {"rate": float("nan")}}}, "clouds.one.rate must be a number"),
    ({"clouds": {"one": CLOUD | {"regions": SECRET}}}, "clouds.one.regions must be a list"),
    ({"clouds": {"one": CLOUD | {"regions": [1]}}}, "regions[0] must be a region's name"),
    ({"clouds": {"one": CLOUD | {"regions": [{}]}}}, "regions[0] must be a region's name"),
    (
        {"clouds": {"one": CLOUD | {"regions": [{"name": "a", "value": SECRET}]}}},
        "clouds.one.regions[0].value is unknown here",
    ),
    ({"clouds": {"one": CLOUD | {"region_name": [1]}}}, "clouds.one.region_name must be text"),
    ({"clouds": {"one": CLOUD | {"cacert": "none.pem"}}}, "clouds.one.cacert is no file"),
    ({"clouds": {"one": CLOUD | {"networks": SECRET}}}, "clouds.one cannot be used"),
    ({"clouds": {"one": CLOUD | {"auth": SECRET}}}, "clouds.one.auth must be a mapping"),
    ({"clouds": {"one": {"region_name": "a"}}}, "clouds.one.auth.auth_url is missing, nor a prof"),
    ({"clouds": {"one": {"profile": "no-such"}}}, "the vendor profile 'no-such' is unknown"),
    ({"clouds": {"one": {"auth_url": "https://a"}}}, "clouds.one.auth_url belongs under auth"),
    *(
        (
            {"clouds": {"one": {"auth": {"auth_url": url}}}},
            "clouds.one" if "{" in url else "clouds.one.auth.auth_url must be http:// or https://",
        )
        for url in (
            "keystone",
            "ftp://a",
            "https://",
            f"https://user:{SECRET}@a",
            "https://a:x",
            "https://{a}",
            "https://a/{",
        )
    ),
    *(
        (
            {"clouds": {"one": {"auth": {key: "https://a"}}}},
            f"clouds.one.auth.{key} is unknown here; did you mean auth_url?",
        )
        for key in ("auth_ulr", "authurl", "auth-url", "auth_uri")
    ),
    *(
        ({"clouds": {"one": CLOUD | {key: value}}}, f"clouds.one.{key} must be public, internal or")
        for key in ("interface", "endpoint_type", "compute_interface")
        for value in (SECRET, "Public", 7, ["public", SECRET])
    ),
    ({"clouds": {"one": {"auth": {"auth_url": 7}}}}, "clouds.one.auth.auth_url must be text"),
    ({"clouds": {"one": CLOUD}, "listen": 50051}, "listen must be text"),
    ({"clouds": {"one": CLOUD}, "default_cloud": "two"}, "default_cloud is none of the clouds: on"),
    ({"clouds": {"one": CLOUD}, "tls": SECRET}, "tls must be a mapping"),
    ({"clouds": {"one": CLOUD}, "tls": {"key": "k"}}, "tls.certificate is missing"),
    ({"clouds": {"one": CLOUD}, "tls": {"certificate": "c"}}, "tls.key is missing"),
    ({"clouds": {"one": CLOUD}, "tls": {"keys": SECRET}}, "tls.keys is unknown here; there are ce"),
    ({"clouds": {"one": CLOUD}, "limits": {"caller": 1}}, "limits.caller is unknown here"),
    *(
        ({"clouds": {"one": CLOUD}, "limits": {"callers": value}}, "limits.callers must be a whole")
        for value in (0, -1, 1.5, True, SECRET, ["1"])
    ),
]


HEEDED = {
    "block_storage_endpoint_override": "https://cinder.example.com",
    "compute_api_version": "2",
    "compute-default-microversion": "2.90",
    "endpoint_type": "publicURL",
    "floating_ip_source": "neutron",
    "force_ipv4": True,
    "has_network": True,
    "image_format": "raw",
    "interface": ["internal", "public"],
    "networks": [{"name": "net", "routes_externally": True}],
    "object_store_interface": "admin",
    "prefer_ipv6": False,
    "private": True,
    "requires_floating_ip": True,
    "timeout": 5,
    "verify": True,
}


def test_what_openstacksdk_heeds_is_not_warned_of(
    told: Read, caplog: pytest.LogCaptureFixture
) -> None:
    told({"clouds": {"one": CLOUD | HEEDED}})
    assert not caplog.records


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("intrface", "did you mean interface?"),
        ("region", "did you mean regions or region_name?"),
        ("interfaces", "did you mean interface?"),
        ("Verify", "did you mean verify?"),
        ("ca_cert", "did you mean cacert or cert?"),
        ("colour", "is unknown here, and not heeded"),
    ],
)
def test_what_nobody_heeds_is_warned_of(
    told: Read, key: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = told({"clouds": {"one": CLOUD | {key: SECRET}}})
    assert found.clouds.keys() == {"one"}
    (warning,) = (one.getMessage() for one in caplog.records)
    assert f"oaktree.yaml: clouds.one.{key} is unknown here" in warning
    assert said in warning
    assert SECRET not in warning
    caplog.clear()
    regions = [{"name": "a", "values": {key: SECRET}}]
    told({"clouds": {"one": CLOUD | {"regions": regions}}})
    assert f"clouds.one.regions[0].values.{key} is unknown here" in caplog.text


# openstacksdk's own word for an unknown profile.
@pytest.mark.filterwarnings("ignore:Couldn't find the vendor profile")
@pytest.mark.parametrize(("content", "said"), WRONG)
def test_what_will_not_do_is_told_by_its_key(told: Read, content: Any, said: str) -> None:
    with pytest.raises(ValueError, match=r"oaktree\.yaml") as caught:
        told(content)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"--config: .*oaktree\.yaml cannot be read: No such"):
        read(tmp_path / "oaktree.yaml")


def test_an_identity_service_in_plaintext_is_warned_of(
    told: Read, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        told({"clouds": {"one": {"auth": {"auth_url": "http://127.0.0.1:5000/v3"}}}})
        assert not caplog.records
        told({"clouds": {"one": {"auth": {"auth_url": "http://keystone.example.com/v3"}}}})
    assert "is plaintext" in caplog.text
