"""The ruler itself: a request sent straight to the Collector comes out of its file as the canonical form says."""

from __future__ import annotations

import urllib.request

import pytest

from tests.integration.canonical import from_proto
from tests.integration.messages import every_field
from tests.integration.reading import assert_delivered
from tools.components.collector import Collector

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def test_the_collector_writes_every_field_that_it_was_sent(collector: Collector) -> None:
    request = every_field(24)
    headers = {"content-type": "application/x-protobuf"}
    post = urllib.request.Request(collector.traces_url, data=request.SerializeToString(), headers=headers)
    with urllib.request.urlopen(post, timeout=10) as reply:
        assert reply.status == 200
    assert_delivered(list(from_proto(request)), collector.spans_file)
