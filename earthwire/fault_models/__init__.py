"""How tools fail and how slow they are: laws, profiles, and the draw of one call's plan from them."""

from earthwire.fault_models.call import Call, Drawn
from earthwire.fault_models.delivery import deliver, plain_response
from earthwire.fault_models.dependence import (
    EXACT_SESSIONS_MIN,
    NO_SESSIONS,
    Dependence,
    RankLaw,
    SessionLevels,
    normal_probability,
    normal_quantile,
)
from earthwire.fault_models.family import SIBLINGS_MIN, Family, ToolModel
from earthwire.fault_models.grouping import ancestors
from earthwire.fault_models.latency import LEVELS, LatencyTable
from earthwire.fault_models.matching import ToolMatcher
from earthwire.fault_models.outcome import (
    KAPPA,
    START,
    Counts,
    OutcomeCounts,
    OutcomeLaw,
    add_counts,
    back_off,
)
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
from earthwire.fault_models.simulation import STREAMS_MAX, Simulation, TooManyStreamsError
from earthwire.fault_models.uniforms import Purpose, UniformStream

__all__ = [
    "EXACT_SESSIONS_MIN",
    "KAPPA",
    "LEVELS",
    "NO_SESSIONS",
    "PASS_THROUGH",
    "SIBLINGS_MIN",
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
    "Family",
    "Forward",
    "Head",
    "LatencyTable",
    "OutcomeCounts",
    "OutcomeLaw",
    "Plan",
    "Profile",
    "Provenance",
    "Purpose",
    "RankLaw",
    "RelayBody",
    "RelayHead",
    "SessionLevels",
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
    "add_counts",
    "ancestors",
    "back_off",
    "deliver",
    "normal_probability",
    "normal_quantile",
    "plain_response",
    "plan_digest",
    "profile_hash",
]
