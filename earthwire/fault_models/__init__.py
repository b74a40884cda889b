"""How tools fail and how slow they are: laws, profiles, and the draw of one call's plan from them."""

from earthwire.fault_models.call import Call, Drawn
from earthwire.fault_models.delivery import deliver, plain_response
from earthwire.fault_models.dependence import Dependence, normal_probability, normal_quantile
from earthwire.fault_models.grouping import ancestors
from earthwire.fault_models.latency import LEVELS, LatencyTable
from earthwire.fault_models.matching import ToolMatcher
from earthwire.fault_models.outcome import KAPPA, START, Counts, OutcomeCounts, OutcomeLaw, back_off
from earthwire.fault_models.plan import (
    PASS_THROUGH,
    Abort,
    AbortHow,
    Body,
    Forward,
    Head,
    Plan,
    RelayBody,
    RelayHead,
    Step,
    Support,
    Wait,
    plan_digest,
)
from earthwire.fault_models.profile import ErrorResponse, Profile, Provenance, Source, ToolLaws, profile_hash
from earthwire.fault_models.simulation import STREAMS_MAX, Simulation, ToolModel, TooManyStreamsError
from earthwire.fault_models.uniforms import Purpose, UniformStream

__all__ = [
    "KAPPA",
    "LEVELS",
    "PASS_THROUGH",
    "START",
    "STREAMS_MAX",
    "Abort",
    "AbortHow",
    "Body",
    "Call",
    "Counts",
    "Dependence",
    "Drawn",
    "ErrorResponse",
    "Forward",
    "Head",
    "LatencyTable",
    "OutcomeCounts",
    "OutcomeLaw",
    "Plan",
    "Profile",
    "Provenance",
    "Purpose",
    "RelayBody",
    "RelayHead",
    "Simulation",
    "Source",
    "Step",
    "Support",
    "TooManyStreamsError",
    "ToolLaws",
    "ToolMatcher",
    "ToolModel",
    "UniformStream",
    "Wait",
    "ancestors",
    "back_off",
    "deliver",
    "normal_probability",
    "normal_quantile",
    "plain_response",
    "plan_digest",
    "profile_hash",
]
