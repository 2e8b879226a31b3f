"""The agent's configuration: merging, parsing, and what errors say."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyspan._core import Batch
from pyspan.agent.config import AgentConfig, load
from pyspan.agent.exporters import make_exporter
from pyspan.agent.exports import parse_export, parse_exports
from pyspan.agent.values import parse_bytes, parse_seconds, parse_switch
from pyspan.config import Origins
from pyspan.config.address import Address, parse_address, parse_path
from pyspan.errors import ConfigurationError
from pyspan.pipeline.otlp import OtlpExporter
from pyspan.pipeline.stats import Stats
from tests.support.otlp_messages import make_request


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def config(**flags: object) -> AgentConfig:
    return load(flags, {}, None).config


def problems(flags: dict[str, object], environ: dict[str, str] | None = None, file: Path | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load(flags, environ or {}, file)
    return str(raised.value).splitlines()


def test_without_flags_otlp_comes_in_on_loopback_and_goes_to_the_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    loaded = config()
    assert (loaded.otlp_http, loaded.otlp_grpc) == (Address("127.0.0.1", 4318), Address("127.0.0.1", 4317))
    assert [str(export) for export in loaded.export] == ["file=/var/state/pyspan/spans.jsonl"]
    assert loaded.spool == Path("/var/state/pyspan/spool")
    assert loaded.socket is None


def test_a_relative_state_folder_is_ignored_as_its_specification_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("HOME", "/home/shop")
    assert config().spool == Path("/home/shop/.local/state/pyspan/spool")


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('batch-spans = 1\nin-flight = 1\nbatch-wait = "1s"\n')
    environ = {"PYSPAN_AGENT_BATCH_SPANS": "2", "PYSPAN_AGENT_IN_FLIGHT": "2"}
    loaded = load({"batch_spans": "3"}, environ, file)
    assert (loaded.config.batch_spans, loaded.config.in_flight, loaded.config.batch_wait) == (3, 2, 1.0)
    assert loaded.places["batch-spans"] == "--batch-spans"
    assert loaded.places["in-flight"] == "environment PYSPAN_AGENT_IN_FLIGHT"
    assert loaded.places["batch-wait"] == f"{file}:batch-wait"


def test_off_switches_a_receiver_off() -> None:
    loaded = config(otlp_http="off", socket="/run/pyspan.sock")
    assert loaded.otlp_http is None
    assert loaded.socket == Path("/run/pyspan.sock")


def test_an_error_names_key_value_place_and_fix(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('otlp-http = "localhost"\nspool-fsync = "often"\n')
    assert problems({"admin": "::1:80"}, {"PYSPAN_AGENT_BATCH_WAIT": "soon"}, file) == [
        f"{file}:otlp-http = localhost: no port (write HOST:PORT, such as 127.0.0.1:4318)",
        "--admin = ::1:80: an IPv6 host stands in brackets (write [::1]:4318)",
        f"{file}:spool-fsync = often: not one of never, interval, always",
        "environment PYSPAN_AGENT_BATCH_WAIT = soon: not a duration (write seconds or a unit, such as 200ms)",
    ]


def test_an_unknown_key_or_variable_suggests_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("otlp_htp = 1\nxyz = 2\n")
    lines = problems({}, {"PYSPAN_AGENT_OTLPGRPC": "x"}, file)
    assert lines[0] == f"{file}:otlp_htp = 1: unknown key (did you mean otlp-http?)"
    assert lines[1].startswith(f"{file}:xyz = 2: unknown key (known: otlp-http, ")
    assert lines[2] == "environment PYSPAN_AGENT_OTLPGRPC: unknown variable (did you mean PYSPAN_AGENT_OTLP_GRPC?)"


def test_a_file_that_is_missing_or_no_toml_is_named(tmp_path: Path) -> None:
    assert "No such file" in problems({}, file=tmp_path / "none.toml")[0]
    file = tmp_path / "broken.toml"
    file.write_text("a = \n")
    assert "not TOML" in problems({}, file=file)[0]
    assert "line 1" in problems({}, file=file)[0]


def test_a_password_in_a_url_is_never_printed() -> None:
    line = problems({"export": ["otlp=http://user:hunter2@host:port"]})[0]
    assert "hunter2" not in line
    assert "hunter2" not in str(parse_export("otlp=http://user:hunter2@host:4318"))
    assert "hunter2" not in parse_export("otlp=http://user:hunter2@host:4318").name


@pytest.mark.parametrize(
    ("text", "target", "name"),
    [
        ("otlp=http://h:4318", "http://h:4318/v1/traces", "otlp-h-4318"),
        ("otlp=https://h/otlp/", "https://h/otlp/v1/traces", "otlp-https-h-otlp-f81d60a2"),
        ("otlp=http://h:4318/v1/traces", "http://h:4318/v1/traces", "otlp-h-4318"),
        ("otlp-grpc=h:4317", "http://h:4317", "otlp-grpc-h-4317"),
        ("otlp-grpc=https://h:4317", "https://h:4317", "otlp-grpc-https-h-4317-5a6ce078"),
        ("kafka=a:9092,b:9092/otlp_spans", "a:9092,b:9092/otlp_spans", "kafka-a-9092-b-9092-otlp_spans-2ea49109"),
    ],
)
def test_an_export_is_completed_and_named(text: str, target: str, name: str) -> None:
    export = parse_export(text)
    assert (export.target, export.name) == (target, name)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://h:4318", "no KIND="),
        ("oltp=http://h", "did you mean otlp?"),
        ("otlp=h:4318", "not a URL"),
        ("otlp=http://h:99999", "the host or the port is none"),
        ("otlp-grpc=h", "no port"),
        ("otlp=http://h:4318/#part", "what follows the # is never sent"),
        ("otlp=http://h:4317/?tenant=a", "a gRPC endpoint has no path or query"),
        ("otlp-grpc=http://h:1/path", "has no path"),
        ("kafka=h:9092", "no topic"),
        ("kafka=h:9092/a b", "the topic is not 1 to 249 letters"),
        ("file=", "nothing after file="),
        ("file=file:///spans.jsonl", "a URL is no path"),
        ("kafka=shop:word@h:9092/spans", "HOST:PORT has no user or password"),
    ],
)
def test_an_export_that_cannot_work_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        parse_export(text)
    assert reason in str(raised.value)


def test_an_export_may_be_a_table_with_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    table = {"to": "otlp=http://h:1", "name": "tempo", "headers": {"Authorization": "Bearer ${TOKEN}"}}
    export = parse_export({**table, "compression": "zstd"})
    assert export.otlp is not None
    assert (export.name, export.otlp.compression) == ("tempo", "zstd")
    assert export.otlp.headers == {"authorization": "Bearer secret"}
    assert "Bearer" not in repr(export)
    with pytest.raises(ValueError, match="did you mean headers"):
        parse_export({"to": "otlp=http://h:1", "header": {}})


def test_a_header_that_names_an_unset_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN", raising=False)
    with pytest.raises(ValueError, match="TOKEN, which is not set"):
        parse_export({"to": "otlp=http://h:1", "headers": {"authorization": "${TOKEN}"}})


def test_the_same_export_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="is there twice"):
        parse_exports(["otlp=http://h:4318", "otlp=http://h:4318/v1/traces"])
    assert len(parse_exports(["otlp=http://h:4318", {"to": "otlp=http://h:4318", "name": "second"}])) == 2


@pytest.mark.parametrize(
    ("text", "count"),
    [(5, 5), ("64KiB", 65536), ("1.5 MiB", 1572864), ("1GB", 10**9), ("7 b", 7), ("2k", 2000), ("1_000B", None)],
)
def test_sizes(text: object, count: int | None) -> None:
    if count is None:
        with pytest.raises(ValueError, match="not a size"):
            parse_bytes(text)
    else:
        assert parse_bytes(text) == count


@pytest.mark.parametrize(("text", "seconds"), [(0.05, 0.05), ("200ms", 0.2), ("5s", 5.0), ("1m", 60.0), (2, 2.0)])
def test_durations(text: object, seconds: float) -> None:
    assert parse_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("value", [True, -1, None, [], "1e3", "", "٣"])
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        parse_bytes(value)


def test_addresses_round_trip() -> None:
    for text in ("127.0.0.1:4318", "[::1]:4318", "collector.example:1"):
        assert str(parse_address(text)) == text
    for wrong in ("host:70000", "host:x", ":1", "[::1]", "host:-1", "", 5):
        with pytest.raises((TypeError, ValueError)):
            parse_address(wrong)


def test_a_path_is_made_absolute_and_keeps_its_links(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert parse_path("link/../x") == tmp_path / "x"
    assert parse_path("link/x") == tmp_path / "link" / "x"


@pytest.mark.parametrize(
    ("to", "advice"), [("kafka=h:9092/spans", "known: to, name, security_protocol"), ("file=/x", "known: to, name")]
)
def test_an_option_that_would_have_no_effect_is_refused(to: str, advice: str) -> None:
    with pytest.raises(ValueError, match=f"'timeout' is no option of .*{advice}"):
        parse_export({"to": to, "timeout": 5})


@pytest.mark.parametrize(
    ("flags", "environ", "place"),
    [
        ({"export": ["otlp=http://h:1"]}, {}, "--export"),
        ({}, {"PYSPAN_AGENT_EXPORT": "otlp=http://h:1"}, "environment PYSPAN_AGENT_EXPORT"),
    ],
)
def test_an_exporter_tells_people_to_check_the_place_where_it_was_written(
    flags: dict[str, object], environ: dict[str, str], place: str
) -> None:
    (export,) = load(flags, environ, None).config.export
    exporter = make_exporter(export, Stats(export.name))
    assert isinstance(exporter, OtlpExporter)
    certificates = f"certificate, client-certificate and client-key of {place}"
    assert exporter._origins == Origins(place, f"headers of {place}", f"compression and kind of {place}", certificates)


def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_unknown_variable() -> None:
    service = {
        "PYSPAN_AGENT_SERVICE_HOST": "10.0.0.9",
        "PYSPAN_AGENT_SERVICE_PORT": "4318",
        "PYSPAN_AGENT_SERVICE_PORT_OTLP_HTTP": "4318",
        "PYSPAN_AGENT_PORT": "tcp://10.0.0.9:4318",
        "PYSPAN_AGENT_PORT_4318_TCP": "tcp://10.0.0.9:4318",
        "PYSPAN_AGENT_PORT_4318_TCP_PROTO": "tcp",
        "PYSPAN_AGENT_PORT_4318_TCP_PORT": "4318",
        "PYSPAN_AGENT_PORT_4318_TCP_ADDR": "10.0.0.9",
        "PYSPAN_AGENT_ADMIN_SERVICE_HOST": "10.0.0.10",
        "PYSPAN_AGENT_ADMIN_PORT": "tcp://10.0.0.10:13133",
    }
    assert load({}, service, None).config == config()


@pytest.mark.parametrize("name", ["PYSPAN_AGENT_PORT", "PYSPAN_AGENT_ADMIN_PORT", "PYSPAN_AGENT_SERVICE"])
def test_a_variable_that_only_looks_like_kubernetes_is_still_unknown(name: str) -> None:
    assert problems({}, {name: "4318"})[0].startswith(f"environment {name}: unknown variable")


@pytest.mark.parametrize("name", ["Content-Length", "content-encoding", "content-type", "Host", "transfer-encoding"])
def test_a_header_that_each_request_has_by_itself_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"header '{name}' is set for each request by itself"):
        parse_export({"to": "otlp=http://h:1", "headers": {name: "1"}})


@pytest.mark.anyio
@pytest.mark.parametrize(("policy", "synced"), [("always", True), ("interval", False)])
async def test_a_file_is_synced_before_its_batch_is_acknowledged_where_the_spool_is(
    policy: str, synced: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (export,) = config(export=[f"file={tmp_path / 'spans.jsonl'}"], spool_fsync=policy).export
    calls: list[int] = []
    monkeypatch.setattr("pyspan.pipeline.file.os.fsync", calls.append)
    exporter = make_exporter(export, Stats(export.name))
    await exporter.export(Batch.parse(make_request(1)[0]))
    await exporter.aclose()
    assert bool(calls) is synced


@pytest.mark.parametrize(("value", "meaning"), [("true", True), (True, True), ("false", False), (False, False)])
def test_a_switch_is_true_or_false(value: object, meaning: bool) -> None:
    assert parse_switch(value) is meaning
    with pytest.raises(ValueError, match="not true or false"):
        parse_switch("yes")
