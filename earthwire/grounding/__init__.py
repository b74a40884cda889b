"""Making the simulated transition match the recorded one: fit it, measure the gap, say whether it is closed."""

from earthwire.grounding.calibrate import calibrate, fit_laws
from earthwire.grounding.certainty.intervals import INTERVAL_CALLS_MAX, state_intervals
from earthwire.grounding.correct import DAMPING, ROUNDS_MAX, Correction, correct
from earthwire.grounding.drift.recency import TESTED_CALLS_MAX, measure_drift, recent
from earthwire.grounding.engine import (
    CHOICE_CALLS_MAX,
    SESSIONS_MIN,
    Engine,
    choose_engine,
    thinned,
    with_engine,
)
from earthwire.grounding.fidelity import (
    CONFIDENCE,
    ENERGY_CALLS,
    FLOOR_RANGE,
    RATIO_MAX,
    REPEATS_MIN,
    SCORED_CALLS_MAX,
    SIDE_CALLS_MIN,
    SIDE_SESSIONS_MIN,
    FidelityReport,
    ModelScore,
    OutcomeComparison,
    Progress,
    fidelity,
)
from earthwire.grounding.fits.payloads import BODY_CHARACTERS_MAX, RESPONSES_MAX, PayloadBank, gather
from earthwire.grounding.gap.auc_excess import AUC_EXCESS_MAX
from earthwire.grounding.gap.curves import (
    QUANTILE_LEVELS,
    RUN_LENGTHS,
    Curves,
    Distribution,
    KindRates,
    ToolCurve,
    draw_curves,
)
from earthwire.grounding.gap.lag import (
    DISTORTED_SHARE_MAX,
    LAG_S_MAX,
    LAG_SHARE_MAX,
    LagReport,
    LagTally,
    lag_problems,
)
from earthwire.grounding.gap.never_drawn import DrawnCalls, NeverDrawn, never_drawn_text
from earthwire.grounding.gap.tool_comparison import ToolComparison
from earthwire.grounding.gap.upstream_times import upstream_times
from earthwire.grounding.gap.verdict import TAIL_RANGE, Verdict
from earthwire.grounding.simulated import simulate
from earthwire.grounding.verify import VerifyReport, verify

__all__ = [
    "AUC_EXCESS_MAX",
    "BODY_CHARACTERS_MAX",
    "CHOICE_CALLS_MAX",
    "CONFIDENCE",
    "DAMPING",
    "DISTORTED_SHARE_MAX",
    "ENERGY_CALLS",
    "FLOOR_RANGE",
    "INTERVAL_CALLS_MAX",
    "LAG_SHARE_MAX",
    "LAG_S_MAX",
    "QUANTILE_LEVELS",
    "RATIO_MAX",
    "REPEATS_MIN",
    "RESPONSES_MAX",
    "ROUNDS_MAX",
    "RUN_LENGTHS",
    "SCORED_CALLS_MAX",
    "SESSIONS_MIN",
    "SIDE_CALLS_MIN",
    "SIDE_SESSIONS_MIN",
    "TAIL_RANGE",
    "TESTED_CALLS_MAX",
    "Correction",
    "Curves",
    "Distribution",
    "DrawnCalls",
    "Engine",
    "FidelityReport",
    "KindRates",
    "LagReport",
    "LagTally",
    "ModelScore",
    "NeverDrawn",
    "OutcomeComparison",
    "PayloadBank",
    "Progress",
    "ToolComparison",
    "ToolCurve",
    "Verdict",
    "VerifyReport",
    "calibrate",
    "choose_engine",
    "correct",
    "draw_curves",
    "fidelity",
    "fit_laws",
    "gather",
    "lag_problems",
    "measure_drift",
    "never_drawn_text",
    "recent",
    "simulate",
    "state_intervals",
    "thinned",
    "upstream_times",
    "verify",
    "with_engine",
]
