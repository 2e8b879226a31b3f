"""The admin port's four paths, over a spool in memory."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pyspan.agent.admin import AdminServer, make_app
from pyspan.agent.config import SETTINGS
from pyspan.agent.health import MOST_FRUITLESS_SPANS, REFUSED_FOR
from pyspan.agent.ledger import Counts
from pyspan.agent.listen import bind
from pyspan.agent.metrics import make_registry
from pyspan.agent.state import Agent
from pyspan.agent.watch import Watch
from pyspan.config.address import Address
from tests.support.otlp_messages import make_request
from tests.unit.agent.fakes import FakeReceivers, FakeSpool
from tests.unit.agent.test_pipeline import make_pipeline

pytestmark = pytest.mark.anyio
REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "agent.md"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    spool = FakeSpool()
    pipeline = make_pipeline(spool, tmp_path)
    bound = {"otlp_http": "127.0.0.1:4318", "admin": "127.0.0.1:13133"}
    return Agent(pipeline._config, spool, FakeReceivers(), [pipeline], bound)  # type: ignore[arg-type]


async def get(agent: Agent, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(make_app(agent))
    async with httpx.AsyncClient(transport=transport, base_url="http://agent") as client:
        return await client.get(path)


def deliver(agent: Agent, taken: int, refused: int) -> None:
    pipeline, spool = agent.pipelines[0], agent.spool
    spool.append(make_request(taken + refused)[0])  # type: ignore[arg-type]
    read = pipeline.reader.read(1, 1)
    assert read is not None
    pipeline.ledger.begin(read[1], len(read[0]))
    pipeline.stats.receive(len(read[0]))
    pipeline.stats.deliver(taken)
    pipeline.ledger.count(Counts())
    pipeline.stats.dead_letter(refused, "refused by the test")


async def test_a_live_agent_is_alive_and_ready(agent: Agent) -> None:
    assert (await get(agent, "/livez")).status_code == 200
    ready = await get(agent, "/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "reasons": []})


async def test_a_full_spool_and_a_drain_make_it_not_ready(agent: Agent) -> None:
    agent.spool.full = True  # type: ignore[attr-defined]
    agent.draining = True
    reply = await get(agent, "/readyz")
    assert reply.status_code == 503
    assert reply.json()["reasons"] == [
        "the agent is draining",
        "the spool is full: senders are told to wait",
    ]
    assert (await get(agent, "/livez")).status_code == 200


async def test_a_disk_that_refuses_makes_it_not_ready_for_a_while(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent.receivers, "stats", lambda: {"otlp_http.refused.disk": 1})
    reply = await get(agent, "/readyz")
    assert reply.json()["reasons"] == ["the disk refuses writes to the spool: senders are told to wait"]
    agent.disk_refusals.until = time.monotonic()
    assert (await get(agent, "/readyz")).status_code == 200


async def test_an_exporter_that_delivers_nothing_makes_it_not_ready(agent: Agent) -> None:
    pipeline = agent.pipelines[0]
    agent.spool.append(make_request(3)[0])  # type: ignore[arg-type]
    read = pipeline.reader.read(1, 1)
    assert read is not None
    pipeline.ledger.begin(read[1], 3)
    pipeline.stats.fail("http_503", "the backend said 503")
    pipeline.stats.last_progress = time.monotonic() - 31
    reply = await get(agent, "/readyz")
    assert reply.status_code == 503
    assert reply.json()["reasons"] == ["exporter otlp-127.0.0.1-1 has delivered nothing for 31 s: the backend said 503"]
    assert (await get(agent, "/status")).json()["exporters"][0]["state"] == "failing"


async def test_an_exporter_that_only_dead_letters_makes_it_not_ready_until_it_delivers(agent: Agent) -> None:
    stats = agent.pipelines[0].stats
    stats.fail("http_400", "the backend said 400")
    for _ in range(2):
        stats.settle(Counts(dead_lettered=500))
    assert (await get(agent, "/readyz")).status_code == 200, "one sender's bad batches are no fault of the backend"
    stats.settle(Counts(rejected=5))
    reply = await get(agent, "/readyz")
    reason = "exporter otlp-127.0.0.1-1 has had nothing taken of its last 3 batches: the backend said 400"
    assert (reply.status_code, reply.json()["reasons"]) == (503, [reason])
    exporter = (await get(agent, "/status")).json()["exporters"][0]
    assert (exporter["state"], exporter["fruitless_batches"]) == ("refused", 3)
    metrics = (await get(agent, "/metrics")).text
    assert 'pyspan_agent_exporter_up{exporter="otlp-127.0.0.1-1"} 0.0' in metrics
    assert 'pyspan_agent_exporter_fruitless_batches{exporter="otlp-127.0.0.1-1"} 3.0' in metrics
    stats.settle(Counts(exported=1, dead_lettered=4))
    assert (await get(agent, "/readyz")).status_code == 200
    assert (await get(agent, "/status")).json()["exporters"][0]["fruitless_batches"] == 0


async def test_an_agent_that_gets_no_traffic_for_its_refused_exporter_is_given_another_try(agent: Agent) -> None:
    stats = agent.pipelines[0].stats
    for _ in range(3):
        stats.settle(Counts(dead_lettered=500))
    assert (await get(agent, "/readyz")).status_code == 503
    assert REFUSED_FOR <= 60
    stats.last_fruitless -= REFUSED_FOR
    assert (await get(agent, "/readyz")).status_code == 200
    assert (await get(agent, "/status")).json()["exporters"][0]["state"] == "refused"


async def test_a_few_bad_spans_are_no_fault_of_the_backend_in_however_many_batches(agent: Agent) -> None:
    stats = agent.pipelines[0].stats
    for _ in range(MOST_FRUITLESS_SPANS - 1):
        stats.settle(Counts(dead_lettered=1))
    assert (await get(agent, "/readyz")).status_code == 200
    assert (await get(agent, "/status")).json()["exporters"][0]["state"] == "ok"
    stats.settle(Counts(dead_lettered=1))
    assert (await get(agent, "/readyz")).status_code == 503


async def test_a_batch_that_is_not_taken_for_long_while_others_are_is_shown_and_makes_it_not_ready(
    agent: Agent,
) -> None:
    pipeline = agent.pipelines[0]
    pipeline.ledger.begin(1, 3)
    pipeline.ledger._open[0].began -= 299
    assert (await get(agent, "/readyz")).status_code == 200
    assert (await get(agent, "/status")).json()["exporters"][0]["oldest_batch_seconds"] >= 299
    metrics = (await get(agent, "/metrics")).text
    assert re.search(
        r'pyspan_agent_exporter_oldest_batch_seconds\{exporter="otlp-127.0.0.1-1"\} (299|3\d\d)\.', metrics
    )
    pipeline.ledger._open[0].began -= 2
    reasons = (await get(agent, "/readyz")).json()["reasons"]
    assert "has a batch that was not taken for 30" in reasons[0]


async def test_dead_letters_that_are_dropped_make_it_not_ready_for_a_while(agent: Agent) -> None:
    pipeline = agent.pipelines[0]
    pipeline.ledger.begin(1, 3)
    pipeline.stats.receive(3)
    pipeline.stats.drop("dead_letters_full", 3, "400")
    reply = await get(agent, "/readyz")
    assert reply.status_code == 503
    assert f"drops what is refused: {pipeline.dead_letters.path} is full (move it away)" in reply.json()["reasons"][0]
    pipeline.dead_letters_full.until = time.monotonic()
    assert (await get(agent, "/readyz")).status_code == 200


async def test_exporters_that_fail_leave_it_ready_where_that_is_wanted(agent: Agent) -> None:
    for _ in range(3):
        agent.pipelines[0].stats.settle(Counts(dead_lettered=500))
    assert (await get(agent, "/readyz")).status_code == 503
    agent.config = msgspec.structs.replace(agent.config, ready_when_failing=True)
    assert (await get(agent, "/readyz")).status_code == 200
    assert (await get(agent, "/status")).json()["exporters"][0]["state"] == "refused"
    agent.spool.full = True  # type: ignore[attr-defined]
    assert (await get(agent, "/readyz")).status_code == 503


async def test_idle_connections_over_the_limit_make_room_for_others(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyspan.agent.admin.MOST_CONNECTIONS", 10)
    async with anyio.create_task_group() as tasks, contextlib.AsyncExitStack() as idle:
        listener = idle.enter_context(bind("admin", Address("127.0.0.1", 0)))
        host, port = listener.getsockname()
        tasks.start_soon(AdminServer(agent).run_on, listener)
        for _ in range(30):
            await idle.enter_async_context(await connect(host, port))
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://{host}:{port}/livez")).status_code == 200
        tasks.cancel_scope.cancel()


async def connect(host: str, port: int) -> anyio.abc.SocketStream:
    with anyio.fail_after(10):
        while True:
            with contextlib.suppress(OSError):
                return await anyio.connect_tcp(host, port)
            await anyio.sleep(0.01)


async def test_a_spool_whose_folder_is_gone_makes_it_not_ready(agent: Agent) -> None:
    agent.spool.gone = True  # type: ignore[attr-defined]
    reasons = (await get(agent, "/readyz")).json()["reasons"]
    assert reasons == [f"the spool folder {agent.config.spool} was removed while in use: senders are told to wait"]


async def test_an_admin_port_that_fails_says_so_and_ends_alone(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
    await AdminServer(agent).run_on(listener)
    assert "the admin port failed; receiving and exporting go on without it" in caplog.text
    assert "Bad file descriptor" in caplog.text


async def test_status_shows_the_ledger_of_each_exporter(agent: Agent) -> None:
    deliver(agent, 7, 2)
    body: dict[str, Any] = (await get(agent, "/status")).json()
    assert body["ready"] is True
    assert body["receivers"]["otlp_http"]["address"] == "127.0.0.1:4318"
    assert body["receivers"]["otlp_http"]["accepted_spans"] == 40
    exporter = body["exporters"][0]
    ledger = {key: exporter["ledger"][key] for key in ("accepted", "exported", "dead_lettered", "pending", "balance")}
    assert ledger == {"accepted": 9, "exported": 7, "dead_lettered": 2, "pending": 0, "balance": 0}
    assert exporter["name"] == "otlp-127.0.0.1-1"


async def test_metrics_are_valid_and_say_the_same(agent: Agent) -> None:
    deliver(agent, 7, 2)
    reply = await get(agent, "/metrics")
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }
    assert samples["pyspan_agent_ready",] == 1
    assert samples["pyspan_agent_receiver_accepted_spans_total", "otlp_http"] == 40
    assert samples["pyspan_agent_receiver_refused_requests_total", "malformed", "otlp_http"] == 2
    assert samples["pyspan_agent_exporter_exported_spans_total", "otlp-127.0.0.1-1"] == 7
    assert samples["pyspan_agent_exporter_dead_lettered_spans_total", "otlp-127.0.0.1-1"] == 2
    assert samples["process_start_time_seconds",] > 0


def test_the_reference_names_every_key_path_and_metric(agent: Agent) -> None:
    text = REFERENCE.read_text()
    assert [setting.key for setting in SETTINGS if f"`{setting.key}`" not in text] == []
    families = {family.name for family in make_registry(agent).collect() if family.name.startswith("pyspan_agent_")}
    documented = set(re.findall(r"[a-z_]+", expand_braces(text)))
    assert {name.removeprefix("pyspan_agent_") for name in families} <= {n.removesuffix("_total") for n in documented}


def expand_braces(text: str) -> str:
    """Write `a_{b,c}_d` as `a_b_d a_c_d`."""
    found = re.compile(r"([a-z_]*)\{([a-z_,]+)\}([a-z_]*)")
    return found.sub(lambda match: " ".join(match[1] + part + match[3] for part in match[2].split(",")), text)


async def test_what_is_refused_at_the_door_is_logged_once(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch(agent)
    watch.look()
    watch.look()
    assert [record.message for record in caplog.records] == ["requests refused by otlp_http (malformed): 2"]


async def test_connections_are_counted_by_what_became_of_them_and_refusals_logged(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counts = {"otlp_http.connections": 9, "otlp_http.refused_connections": 2, "otlp_http.dismissed_connections": 4}
    monkeypatch.setattr(agent.receivers, "stats", lambda: counts)
    metrics = (await get(agent, "/metrics")).text
    for outcome, count in (("served", 9), ("refused", 2), ("dismissed", 4)):
        line = f'pyspan_agent_receiver_connections_total{{outcome="{outcome}",receiver="otlp_http"}} {count}.0'
        assert line in metrics
    watch = Watch(agent)
    watch.look()
    watch.look()
    logged = [record.message for record in caplog.records]
    assert logged == ["connections refused by otlp_http (all max-connections are in use): 2"]


async def test_damaged_segments_are_logged_with_their_files(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "00001.segment.damaged").touch()
    agent.config = msgspec.structs.replace(agent.config, spool=tmp_path)
    monkeypatch.setattr(agent.receivers, "stats", dict)
    stats = agent.spool.stats() | {"damaged_segments": 1}
    monkeypatch.setattr(agent.spool, "stats", lambda: stats)
    Watch(agent).look()
    (record,) = caplog.records
    assert record.message == "damage in the spool (damaged_segments): 1 (set aside: 00001.segment.damaged)"


async def test_an_unknown_path_is_404(agent: Agent) -> None:
    assert (await get(agent, "/")).status_code == 404
