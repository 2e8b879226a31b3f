"""The samplers that a configuration file describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context

from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

    from pyspan.sdk.trace import TracerProvider

    Configure = Callable[..., TracerProvider]

pytestmark = pytest.mark.usefixtures("unconfigured")

HEAD = 'file_format: "1.1"\nresource: {attributes: [{name: service.name, value: shop}]}\n'


def section(sampler: str) -> str:
    return f"{HEAD}tracer_provider: {{processors: [{{simple: {{exporter: {{console: }}}}}}], sampler: {{{sampler}}}}}\n"


def caller(*, remote: bool) -> Context:
    context = SpanContext(1, 1, is_remote=remote, trace_flags=TraceFlags(1))
    return set_span_in_context(NonRecordingSpan(context))


@pytest.mark.parametrize(
    ("sampler", "description"),
    [
        ("always_on: ", "AlwaysOnSampler"),
        ("always_off: {}", "AlwaysOffSampler"),
        ("trace_id_ratio_based: {ratio: 0.5}", "TraceIdRatioBased{0.5}"),
        ("trace_id_ratio_based: ", "TraceIdRatioBased{1.0}"),
        ("probability/development: {ratio: 0.5}", "ProbabilitySampler{0.5}"),
        ("always_record: {root: {always_off: }}", "AlwaysRecordSampler{AlwaysOffSampler}"),
        (
            "parent_based: {root: {always_off: }, remote_parent_sampled: {trace_id_ratio_based: {ratio: 0.5}}}",
            "ParentBased{root:AlwaysOffSampler,remoteParentSampled:TraceIdRatioBased{0.5},",
        ),
        (
            "composite/development: {parent_threshold: {root: {probability: {ratio: 0.5}}}}",
            "ComposableParentThreshold{root=ComposableTraceIDRatioBased{threshold=8, ratio=0.5}}",
        ),
        (
            "jaeger_remote/development: {endpoint: 'http://j:5778', interval: 5, initial_sampler: {always_off: }}",
            "JaegerRemoteSampler{http://j:5778/sampling, service=shop, initial=AlwaysOffSampler}",
        ),
        (
            "jaeger_remote/development: {endpoint: http://j, initial_sampler: {parent_based: {root: {always_off: }}}}",
            "JaegerRemoteSampler{http://j/sampling, service=shop, initial=ParentBased{root:AlwaysOffSampler,",
        ),
    ],
)
def test_a_sampler_is_made_as_written(sampler: str, description: str, configure: Configure) -> None:
    assert configure(section(sampler)).sampler.get_description().startswith(description)


RULES = """
file_format: "1.1"
tracer_provider:
  processors: [{simple: {exporter: {console: }}}]
  sampler:
    composite/development:
      rule_based:
        rules:
          - attribute_values: {key: http.route, values: [/healthz]}
            sampler: {always_off: }
          - attribute_patterns: {key: http.response.status_code, included: ["4*"], excluded: ["404"]}
            sampler: {always_on: }
          - attribute_values: {key: debug, values: ["true"]}
            sampler: {always_on: }
          - {span_kinds: [client, producer], parent: [none], sampler: {always_on: }}
          - {parent: [remote], sampler: {always_on: }}
"""


@pytest.mark.parametrize(
    ("span", "sampled"),
    [
        ({"attributes": {"http.route": "/healthz"}, "kind": SpanKind.CLIENT}, False),
        ({"attributes": {"http.route": ["/", "/healthz"]}, "kind": SpanKind.CLIENT}, False),
        ({"attributes": {"http.response.status_code": 403}}, True),
        ({"attributes": {"http.response.status_code": 404}}, False),
        ({"attributes": {"debug": True}}, True),
        ({"kind": SpanKind.CLIENT}, True),
        ({"kind": SpanKind.SERVER}, False),
        ({"kind": SpanKind.SERVER, "context": caller(remote=True)}, True),
        ({"kind": SpanKind.CLIENT, "context": caller(remote=False)}, False),
        ({}, False),
    ],
)
def test_the_first_rule_that_holds_decides_and_without_one_nothing_is_sampled(
    span: dict[str, Any], sampled: bool, configure: Configure
) -> None:
    tracer = configure(RULES).get_tracer("x")
    assert tracer.start_span("x", **span).get_span_context().trace_flags.sampled is sampled


@pytest.mark.parametrize(
    ("sampler", "complaint"),
    [
        ("abacus: ", "tracer_provider.sampler='abacus' in .* cannot be used: known: always_on, "),
        ("always_on: , always_off: ", r"tracer_provider.sampler=\['always_on', 'always_off'\] .* give one of"),
        ("always_record: {}", r"sampler.always_record=\[\] in .* the key root is missing"),
        ("composite/development: {smoke: }", "sampler.composite/development='smoke' in .* known: always_on"),
        ("composite/development: {parent_threshold: }", r"parent_threshold=\[\] in .* the key root is missing"),
        (
            "composite/development: {rule_based: {rules: [{span_kinds: [sink], sampler: {always_on: }}]}}",
            r"rules\[0\].span_kinds='...' in .* give some of internal, server, client, producer, consumer",
        ),
        (
            "composite/development: {rule_based: {rules: [{attribute_values: {key: a, values: [1]}}]}}",
            r"rules\[0\].attribute_values.values='...' in .* give a list of texts",
        ),
        ("jaeger_remote/development: {initial_sampler: {always_on: }}", "the key endpoint is missing"),
        (
            "jaeger_remote/development: {endpoint: 'http://j:14250', initial_sampler: {always_on: }}",
            "jaeger_remote/development.endpoint='http://j:14250' in .* 14250 is Jaeger's port for gRPC",
        ),
        (
            "jaeger_remote/development: {endpoint: 'http://j', interval: 90000000, initial_sampler: {always_on: }}",
            "jaeger_remote/development.interval=90000000 in .* give 86400000 at most",
        ),
        (
            "jaeger_remote/development: {endpoint: http://j, initial_sampler: {always_record: {root: {always_on: }}}}",
            "initial_sampler='...' in .* give one that decides without rules",
        ),
    ],
)
def test_a_sampler_that_cannot_be_used_is_told_with_its_path(
    sampler: str, complaint: str, configure: Configure
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        configure(section(sampler))
