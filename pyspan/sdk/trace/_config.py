"""Which tracers are enabled, decided by scope."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyspan.sdk.util.instrumentation import InstrumentationScope

__all__ = [
    "_RuleBasedTracerConfigurator",
    "_TracerConfig",
    "_TracerConfiguratorT",
    "_default_tracer_configurator",
    "_disable_tracer_configurator",
]


@dataclass(frozen=True, slots=True)
class _TracerConfig:
    """What holds for one tracer."""

    is_enabled: bool

    @classmethod
    def default(cls) -> _TracerConfig:
        return cls(is_enabled=True)


_TracerConfiguratorT = Callable[[InstrumentationScope], _TracerConfig]
_Rules = Sequence[tuple[Callable[[InstrumentationScope], bool], _TracerConfig]]


class _RuleBasedTracerConfigurator:
    """Gives the configuration of the first rule that holds for a scope."""

    def __init__(self, *, rules: _Rules, default_config: _TracerConfig) -> None:
        self._rules = rules
        self._default_config = default_config

    def __call__(self, scope: InstrumentationScope) -> _TracerConfig:
        return next((config for holds, config in self._rules if holds(scope)), self._default_config)

    def update_rules(self, rules: _Rules) -> None:
        self._rules = rules


def _default_tracer_configurator(tracer_scope: InstrumentationScope) -> _TracerConfig:  # noqa: ARG001 - a role
    return _TracerConfig.default()


def _disable_tracer_configurator(tracer_scope: InstrumentationScope) -> _TracerConfig:  # noqa: ARG001 - a role
    return _TracerConfig(is_enabled=False)
