"""What the runs of a stress test say about an agent. Nothing is run here."""

from earthwire.grounding.stress.agent_answer import ONLY_TASK, TASKS_MAX, task_scores, with_all_tasks
from earthwire.grounding.stress.arms import ALL_ARM, CLEAN_ARM, Arm, all_arm, arm_name, arms_of
from earthwire.grounding.stress.episode_result import (
    CallFindings,
    Ending,
    EpisodeResult,
    EpisodeTimings,
    TaskScore,
    findings_of_calls,
)
from earthwire.grounding.stress.findings import (
    PASS_ALL_MOST,
    ArmFinding,
    Gap,
    arm_finding,
    gaps,
    seed_scores,
)
from earthwire.grounding.stress.radius import Radius, RadiusSearch, next_multiple, radius
from earthwire.grounding.stress.randomisation import (
    EdgeTrial,
    Limits,
    RandomisationSettings,
    after_trial,
    edge_exposures,
    edge_of,
    edge_seeds,
    first_limits,
)
from earthwire.grounding.stress.rates import (
    CONFIDENCE,
    Estimate,
    SeedScores,
    paired_gap,
    paired_mean_gap,
    success_rate,
)
from earthwire.grounding.stress.repeatability import pass_all
from earthwire.grounding.stress.report import (
    Randomisation,
    ReportTimings,
    StressReport,
    Subject,
    decoded,
    encoded,
)
from earthwire.grounding.stress.stress_verdict import (
    StressVerdict,
    StressWord,
    stress_verdict,
    untested_channels,
)

__all__ = [
    "ALL_ARM",
    "CLEAN_ARM",
    "CONFIDENCE",
    "ONLY_TASK",
    "PASS_ALL_MOST",
    "TASKS_MAX",
    "Arm",
    "ArmFinding",
    "CallFindings",
    "EdgeTrial",
    "Ending",
    "EpisodeResult",
    "EpisodeTimings",
    "Estimate",
    "Gap",
    "Limits",
    "Radius",
    "RadiusSearch",
    "Randomisation",
    "RandomisationSettings",
    "ReportTimings",
    "SeedScores",
    "StressReport",
    "StressVerdict",
    "StressWord",
    "Subject",
    "TaskScore",
    "after_trial",
    "all_arm",
    "arm_finding",
    "arm_name",
    "arms_of",
    "decoded",
    "edge_exposures",
    "edge_of",
    "edge_seeds",
    "encoded",
    "findings_of_calls",
    "first_limits",
    "gaps",
    "next_multiple",
    "paired_gap",
    "paired_mean_gap",
    "pass_all",
    "radius",
    "seed_scores",
    "stress_verdict",
    "success_rate",
    "task_scores",
    "untested_channels",
    "with_all_tasks",
]
