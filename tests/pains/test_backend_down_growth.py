"""Memory that grows for as long as the backend is down."""

from __future__ import annotations

import json

from tests.support.ports import free_port
from tests.support.scripts import run

FLOOD = """
import json
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")

def flood(count):
    for _ in range(count):
        with tracer.start_as_current_span("x", attributes={"payload": "x" * 4096}):
            pass

flood(100)
before = resident()
flood(60_000)
print(json.dumps({"grown": resident() - before, "stats": pyspan.stats()}), flush=True)
os._exit(0)
"""


def test_a_queue_without_a_backend_grows_to_its_bytes_and_no_further() -> None:
    said = json.loads(run(FLOOD, f"http://127.0.0.1:{free_port()}").stdout)
    # 240 MB were recorded; 32 MiB may be queued and two batches of 2 MiB be on their way, packed and unpacked
    assert said["grown"] < 80 << 20
    stats = said["stats"]
    assert stats["dropped_queue_full"] > 30_000
    assert stats["queued_spans"] + stats["in_flight"] + stats["dropped_queue_full"] == 60_100
