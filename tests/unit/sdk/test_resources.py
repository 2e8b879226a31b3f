"""Resources: merging, the environment, detectors."""

from __future__ import annotations

import json
import logging
import os
import platform
import re
import subprocess
import time
from importlib import metadata
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest

from pyspan.errors import ConfigurationError
from pyspan.sdk import resources
from pyspan.sdk.resources import (
    OsResourceDetector,
    OTELResourceDetector,
    ProcessResourceDetector,
    Resource,
    ResourceDetector,
    ServiceInstanceIdResourceDetector,
    _HostResourceDetector,
    _machine_id,
    get_aggregated_resources,
)

if TYPE_CHECKING:
    from pathlib import Path

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME", "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS"):
        monkeypatch.delenv(name, raising=False)


class Fixed(ResourceDetector):
    def __init__(self, attributes: dict[str, str], raise_on_error: bool = False) -> None:
        super().__init__(raise_on_error)
        self.attributes = attributes

    def detect(self) -> Resource:
        return Resource(self.attributes)


class Failing(ResourceDetector):
    def detect(self) -> Resource:
        raise OSError("no such cloud")


class Exiting(ResourceDetector):
    def detect(self) -> Resource:
        raise SystemExit("no such region")


class Slow(ResourceDetector):
    def detect(self) -> Resource:
        time.sleep(2)
        return Resource({"slow": True})


def test_a_created_resource_tells_the_sdk_the_service_and_the_instance() -> None:
    attributes = Resource.create().attributes
    assert attributes["telemetry.sdk.language"] == "python"
    assert attributes["telemetry.sdk.name"] == "pyspan"
    assert attributes["telemetry.sdk.version"]
    assert str(attributes["service.name"]).startswith("unknown_service:python")
    assert UUID4.fullmatch(str(attributes["service.instance.id"]))


def test_the_instance_id_is_the_same_all_through_a_process() -> None:
    first, second = (ServiceInstanceIdResourceDetector().detect() for _ in range(2))
    assert first == second


def test_what_is_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=env,team=a%20b, region = eu ")
    resource = Resource.create({"service.name": "code"})
    assert resource.attributes["service.name"] == "code"
    assert resource.attributes["team"] == "a b"
    assert resource.attributes["region"] == "eu"


def test_the_service_name_variable_wins_over_the_attribute_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=list")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "variable")
    assert Resource.create().attributes["service.name"] == "variable"


def test_a_pair_without_an_equals_sign_is_left_out_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "a=1,broken,b=x=y,")
    assert dict(OTELResourceDetector().detect().attributes) == {"a": "1", "b": "x=y"}
    (message,) = caplog.messages
    assert message.startswith("OTEL_RESOURCE_ATTRIBUTES='a=1,broken,b=x=y,' in the environment cannot be used")
    assert "unlike 'broken'" in message


def test_merging_lets_the_other_win_and_leaves_both_as_they_were() -> None:
    first, second = Resource({"a": 1, "b": 1}), Resource({"b": 2, "c": 2})
    assert dict(first.merge(second).attributes) == {"a": 1, "b": 2, "c": 2}
    assert dict(first.attributes) == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    ("one", "other", "merged"), [("", "x", "x"), ("x", "", "x"), ("x", "x", "x"), (None, None, "")]
)
def test_merging_keeps_the_schema_that_is_known(one: str | None, other: str | None, merged: str) -> None:
    assert Resource({}, one).merge(Resource({}, other)).schema_url == merged


def test_resources_of_different_schemas_do_not_merge(caplog: pytest.LogCaptureFixture) -> None:
    first = Resource({"a": 1}, "one")
    assert first.merge(Resource({"b": 2}, "two")) is first
    assert "incompatible" in caplog.text


def test_resources_are_equal_by_content_and_usable_as_keys() -> None:
    one, same = Resource({"a": [1, 2], "b": b"\x01"}, "s"), Resource({"b": b"\x01", "a": [1, 2]}, "s")
    assert one == same
    assert hash(one) == hash(same)
    assert one != Resource({"a": [1, 2]}, "s")
    assert one != "s"


def test_attributes_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        Resource({"a": 1}).attributes["a"] = 2  # type: ignore[index]  # that is what is tested


def test_json_shows_attributes_and_schema() -> None:
    shown = json.loads(Resource({"a": "é", "n": 1}, "s").to_json())
    assert shown == {"attributes": {"a": "é", "n": 1}, "schema_url": "s"}
    assert "\n" not in Resource({"a": 1}).to_json(indent=None)


def test_the_empty_resource_is_empty() -> None:
    assert dict(Resource.get_empty().attributes) == {}


def test_the_process_is_described_without_its_arguments() -> None:
    attributes = ProcessResourceDetector().detect().attributes
    assert attributes["process.pid"] == os.getpid()
    assert attributes["process.parent_pid"] == os.getppid()
    assert attributes["process.runtime.name"] == "cpython"
    assert "process.command_args" not in attributes


def test_the_arguments_of_the_process_are_told_on_demand() -> None:
    attributes = ProcessResourceDetector(include_command_args=True).detect().attributes
    assert len(list(attributes["process.command_args"])) >= 1


def test_system_and_host_are_described() -> None:
    assert OsResourceDetector().detect().attributes["os.type"] == "linux"
    assert _HostResourceDetector().detect().attributes["host.name"]


def test_detectors_are_chosen_by_the_environment_and_merge_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "process, os")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "os.type=mine")
    attributes = Resource.create().attributes
    assert attributes["process.pid"] == os.getpid()
    assert attributes["os.type"] == "mine"


def test_all_detectors_run_for_an_asterisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "*")
    assert {"host.name", "os.type", "process.pid"} <= set(Resource.create().attributes)


def test_a_detector_that_is_not_installed_is_logged_and_skipped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "no_such")
    assert Resource.create().attributes["telemetry.sdk.language"] == "python"
    assert "no_such" in caplog.text


def test_a_great_many_detectors_that_nobody_has_are_one_short_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looked_up = Mock(side_effect=metadata.entry_points)
    monkeypatch.setattr(metadata, "entry_points", looked_up)
    names = [f"cloud{number}" for number in range(10_000)]
    monkeypatch.setenv("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", ",".join(["os", *names, "os"]))
    assert Resource.create().attributes["os.type"] == "linux"
    (message,) = caplog.messages
    assert message.endswith("now without 'cloud0', 'cloud1', 'cloud2', 'cloud3', 'cloud4' and 9,995 more")
    assert len(message) < 1_000
    looked_up.assert_called_once()


def test_an_attribute_without_a_key_is_one_line_and_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "a=b,=x")
    assert "" not in Resource.create().attributes
    (message,) = caplog.messages
    assert "unlike '=x'; now without what is no pair" in message


def test_later_detectors_win_and_failing_ones_are_skipped(caplog: pytest.LogCaptureFixture) -> None:
    detectors = [Fixed({"a": "1"}), Failing(), Exiting(), Fixed({"a": "2"})]
    merged = get_aggregated_resources(detectors, Resource({"z": "0"}))
    assert dict(merged.attributes) == {"z": "0", "a": "2"}
    assert "no such cloud" in caplog.text
    assert "no such region" in caplog.text


def test_the_error_of_a_detector_is_raised_on_demand() -> None:
    with pytest.raises(OSError, match="no such cloud"):
        get_aggregated_resources([Failing(raise_on_error=True)], Resource.get_empty())


@pytest.mark.parametrize("found", [None, {"a": 1}, "x"])
def test_a_detector_that_finds_no_resource_is_skipped(found: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Odd(ResourceDetector):
        def detect(self) -> Resource:
            return found  # type: ignore[no-any-return]

    merged = get_aggregated_resources([Odd(), Fixed({"a": "2"})], Resource({"z": "0"}))
    assert dict(merged.attributes) == {"z": "0", "a": "2"}
    assert f"detect() returned {found!r}, which is no Resource" in caplog.text
    with pytest.raises(TypeError, match="which is no Resource"):
        get_aggregated_resources([Odd(raise_on_error=True)], Resource.get_empty())


@pytest.mark.parametrize("wrong", [None, 5])
def test_what_is_no_detector_is_refused_by_what_it_is(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"detectors={wrong} in .* cannot be used: give ResourceDetectors"):
        get_aggregated_resources([wrong])


@pytest.mark.parametrize("wrong", [[1], "x", 5])
@pytest.mark.parametrize("make", [Resource, Resource.create])
def test_attributes_that_are_no_mapping_are_refused_by_what_they_are(make: Any, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"attributes=.* cannot be used: give a mapping"):
        make(wrong)


def test_a_slow_detector_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    begun = time.monotonic()
    merged = get_aggregated_resources([Slow(), Fixed({"a": "1"})], Resource.get_empty(), timeout=0)
    assert time.monotonic() - begun < 1
    assert dict(merged.attributes).keys() <= {"a"}
    assert caplog.records[0].levelno == logging.WARNING


def test_every_name_of_the_sdk_s_module_is_here() -> None:
    theirs = pytest.importorskip("opentelemetry.sdk.resources")
    public = {name for name in vars(theirs) if name.isupper() and not name.startswith(("_", "OTEL_"))}
    assert public <= set(dir(resources))
    assert all(getattr(resources, name) == getattr(theirs, name) for name in public)


@pytest.mark.parametrize(
    ("system", "found"),
    [("Darwin", "AAAA-BBBB"), ("FreeBSD", "CCCC-DDDD"), ("DragonFly", "CCCC-DDDD"), ("Java", None)],
)
def test_the_machine_s_id_is_asked_for_in_the_system_s_way(
    system: str, found: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(_machine_id, "_MACOS_IOREG_COMMAND", ("/bin/echo", '  "IOPlatformUUID" = "AAAA-BBBB"'))
    monkeypatch.setattr(_machine_id, "_BSD_MACHINE_ID_PATH", str(tmp_path / "none"))
    monkeypatch.setattr(_machine_id, "_BSD_KENV_COMMAND", ("/bin/echo", "CCCC-DDDD"))
    assert _HostResourceDetector().detect().attributes.get("host.id") == found


def test_a_machine_s_id_that_cannot_be_had_costs_no_other_attribute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(_machine_id, "TIMEOUT", 0.01)
    monkeypatch.setattr(_machine_id, "_MACOS_IOREG_COMMAND", ("/bin/sleep", "60"))
    assert {"host.name", "host.arch"} == set(_HostResourceDetector().detect().attributes)
    assert "host.id" in caplog.text
    with pytest.raises(subprocess.TimeoutExpired):
        _HostResourceDetector(raise_on_error=True).detect()


def test_a_command_that_fails_gives_no_machine_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(_machine_id, "_MACOS_IOREG_COMMAND", ("/bin/false",))
    assert "host.id" not in _HostResourceDetector().detect().attributes


def test_resources_of_other_values_hash_differently() -> None:
    assert hash(Resource({"a": b"1"})) != hash(Resource({"a": b"2"}))
    assert hash(Resource({"a": "1", "b": "2"})) == hash(Resource({"b": "2", "a": "1"}))
