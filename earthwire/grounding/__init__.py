"""Making the simulated transition match the recorded one: fit it, measure the gap, say whether it is closed."""

from earthwire.grounding.calibrate import Responses, calibrate
from earthwire.grounding.fidelity import (
    AUC_EXCESS_MAX,
    ENERGY_CALLS,
    FLOOR_RANGE,
    RATIO_MAX,
    SCORED_CALLS_MAX,
    SIDE_CALLS_MIN,
    SIDE_SESSIONS_MIN,
    TAIL_RANGE,
    FidelityReport,
    ModelScore,
    OutcomeComparison,
    Progress,
    Verdict,
    fidelity,
    simulate,
)
from earthwire.grounding.responses import BODY_CHARACTERS_MAX, RESPONSES_MAX, ResponseBank, gather
from earthwire.grounding.verify import ToolComparison, VerifyReport, verify

__all__ = [
    "AUC_EXCESS_MAX",
    "BODY_CHARACTERS_MAX",
    "ENERGY_CALLS",
    "FLOOR_RANGE",
    "RATIO_MAX",
    "RESPONSES_MAX",
    "SCORED_CALLS_MAX",
    "SIDE_CALLS_MIN",
    "SIDE_SESSIONS_MIN",
    "TAIL_RANGE",
    "FidelityReport",
    "ModelScore",
    "OutcomeComparison",
    "Progress",
    "ResponseBank",
    "Responses",
    "ToolComparison",
    "Verdict",
    "VerifyReport",
    "calibrate",
    "fidelity",
    "gather",
    "simulate",
    "verify",
]
