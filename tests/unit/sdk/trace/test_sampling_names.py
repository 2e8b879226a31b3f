"""Samplers by name, from OTEL_TRACES_SAMPLER and `configure(sampler=...)`, with the arguments of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace

import pyspan
from pyspan.sdk._samplers import find
from pyspan.sdk.resources import Resource
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace._named_samplers import NAMES, named_sampler
from pyspan.sdk.trace.sampling import DEFAULT_ON

if TYPE_CHECKING:
    from pathlib import Path

FOLLOWING = (
    ",remoteParentSampled:AlwaysOnSampler,remoteParentNotSampled:AlwaysOffSampler,"
    "localParentSampled:AlwaysOnSampler,localParentNotSampled:AlwaysOffSampler}"
)
JAEGER = "JaegerRemoteSampler{{{}, service=shop, initial=ProbabilitySampler{{{}}}}}"


SHOP = Resource({"service.name": "shop", "deployment.environment.name": "staging"})


@pytest.mark.parametrize(
    ("name", "argument", "description"),
    [
        ("probability", "0.25", "ProbabilitySampler{0.25}"),
        ("probability", "", "ProbabilitySampler{1.0}"),
        (
            "parentbased_probability",
            "0.5",
            "ComposableParentThreshold{root=ComposableTraceIDRatioBased{threshold=8, ratio=0.5}}",
        ),
        ("operations", "", "OperationSampler{base=0.5, decided by the head}"),
        ("operations", "0.3", "OperationSampler{base=0.3, decided by the head}"),
        ("operations", "Agent", "OperationSampler{decided by the agent}"),
        ("rate_limit", "20", "RateLimitingSampler{20, burst=20}"),
        ("rate_limit", "", "RateLimitingSampler{100, burst=100}"),
        ("parentbased_rate_limit", "0.5", f"ParentBased{{root:RateLimitingSampler{{0.5, burst=1}}{FOLLOWING}"),
        ("adaptive", "30", "AdaptiveSampler{30}"),
        ("parentbased_adaptive", "30", f"ParentBased{{root:AdaptiveSampler{{30}}{FOLLOWING}"),
        ("jaeger_remote", "", JAEGER.format("http://localhost:5778/sampling", "0.001")),
        (
            "jaeger_remote",
            "endpoint=http://jaeger:5778,pollingIntervalMs=5000,initialSamplingRate=0.25",
            JAEGER.format("http://jaeger:5778/sampling", "0.25"),
        ),
        (
            "parentbased_jaeger_remote",
            " initialSamplingRate = 0.5 , endpoint = https://jaeger/api/sampling ",
            f"ParentBased{{root:{JAEGER.format('https://jaeger/api/sampling', '0.5')}{FOLLOWING}",
        ),
    ],
)
def test_a_name_and_its_argument_make_the_sampler(
    name: str, argument: str, description: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name.upper())
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    assert TracerProvider(resource=SHOP, shutdown_on_exit=False).sampler.get_description() == description
    assert find(None, "a test", resource=SHOP).get_description() == description
    monkeypatch.delenv("OTEL_TRACES_SAMPLER")
    assert find(name, "a test", resource=SHOP).get_description() == description
    assert not caplog.messages


def test_configure_gives_its_resource_to_the_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", type(trace._TRACER_PROVIDER_SET_ONCE)())
    try:
        sampler = pyspan.configure("till", exporter="none", sampler="jaeger_remote").sampler
    finally:
        pyspan.shutdown()
    assert "service=till" in sampler.get_description()


@pytest.mark.parametrize(
    ("name", "argument", "instead"),
    [
        ("probability", "1.5", "give a share of traces from 0 to 1; now 1.0"),
        ("operations", "all", "give a share of traces from 0 to 1, or agent; now that of the environment"),
        ("rate_limit", "-1", "give traces a second; now 100"),
        ("adaptive", "0", "give traces a second; now 100"),
        ("parentbased_adaptive", "many", "give traces a second; now 100"),
        ("jaeger_remote", "endpoint=jaeger:5778", "initialSamplingRate=0.001; now its defaults"),
        ("jaeger_remote", "endpoint=http://jaeger:14250", "now its defaults"),
        ("jaeger_remote", "pollingIntervalMs=soon", "now its defaults"),
        ("jaeger_remote", "initialSamplingRate=2", "now its defaults"),
        ("jaeger_remote", "interval=5", "now its defaults"),
        ("jaeger_remote", "initialSamplingRate=1,initialSamplingRate=1", "now its defaults"),
    ],
)
def test_an_argument_that_cannot_be_used_is_warned_about(
    name: str, argument: str, instead: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    named_sampler(name)
    (message,) = caplog.messages
    assert message.startswith("OTEL_TRACES_SAMPLER_ARG=")
    assert message.endswith(instead)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that registers samplers, as packages do."""
    info = tmp_path / "own_samplers-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-samplers\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[opentelemetry_traces_sampler]\nOwn=own_samplers:own\nbroken=own_samplers:broken\nnone=own_samplers:none\n"
    )
    (tmp_path / "own_samplers.py").write_text(
        "from pyspan.sdk.trace.sampling import ProbabilitySampler\n"
        "def own(argument): return ProbabilitySampler(float(argument))\n"
        "def broken(argument): raise RuntimeError('broken sampler')\n"
        "def none(argument): return argument\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("package")
def test_a_sampler_that_a_package_registers_is_made_with_the_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "Own")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.75")
    for name in (None, "Own"):
        assert find(name, "a test").get_description() == "ProbabilitySampler{0.75}"


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(("name", "why"), [("broken", "broken sampler"), ("none", "none='0.75'")])
def test_a_registered_one_that_cannot_be_used_is_logged_and_the_default_holds(
    name: str, why: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.75")
    assert find(None, "a test") is DEFAULT_ON
    assert why in caplog.text


@pytest.mark.parametrize("name", NAMES)
def test_every_named_sampler_decides_without_python(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_TRACES_SAMPLER_ARG", raising=False)
    assert named_sampler(name)._native is not None
