"""What the operator chose, in brokerage's own words."""

from __future__ import annotations

from dataclasses import dataclass

from pandad.brokerage.datarules import DataLimits
from pandad.brokerage.loads import Limits
from pandad.brokerage.scouts import ScoutLimits
from pandad.brokerage.weights import GENERIC, WEIGHTS, Weight
from pandad.config import BrokerageConfig

GB, MB = 10**9, 10**6


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator chose."""

    weight: Weight = GENERIC
    limits: Limits = Limits()
    data: DataLimits = DataLimits()
    scouts: ScoutLimits = ScoutLimits()


DEFAULT = Policy()


def policy_of(config: BrokerageConfig) -> Policy:
    """The configured limits and formula."""
    limits = Limits(
        waiting=config.waiting_limit, probes=config.brake_probes, free_bytes=int(config.least_free_gb * GB),
        reserve_bytes=config.reserve_mb * MB, nopilot=config.nopilot_s > 0)
    data = DataLimits(
        missing_bytes=int(config.most_missing_gb * GB), missing_files=config.most_missing_files,
        backlog_files=config.most_backlog_files)
    return Policy(WEIGHTS[config.weight], limits, data, ScoutLimits(config.scouts, config.scout_s))
