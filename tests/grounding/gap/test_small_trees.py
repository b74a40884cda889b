import subprocess
import sys

import numpy as np
import pytest

from earthwire.grounding.gap import yardstick
from earthwire.grounding.gap.small_trees import two_sample_auc
from earthwire.grounding.gap.yardstick import base_levels, features
from tests.grounding.synthetic import make_calls

_SESSIONS = 200
_CALLS = 20
_SESSION = np.repeat(np.arange(_SESSIONS), _CALLS)


@pytest.mark.parametrize("change", [{}, {"latency_factor": 1.2}, {"session_sd": 0.0}, {"fault_rate": 0.3}])
def test_it_sees_about_as_much_as_the_yardstick(change: dict[str, float]) -> None:
    """An AUC of 4,000 calls on either side has a standard error of .0065; twice three of them are allowed."""
    real, other = make_calls(sessions=_SESSIONS, seed=3), make_calls(sessions=_SESSIONS, seed=4, **change)
    base = base_levels(real)
    x, y = (features(calls, base)[:, yardstick.CALL_FEATURES] for calls in (real, other))
    fine = yardstick.two_sample_auc(x, real.session, y, real.session, seed=0)
    assert abs(two_sample_auc(x, y, real.session) - fine) < 0.04


def test_what_is_alike_is_not_told_apart_and_what_one_cut_divides_is() -> None:
    """The standard error of an AUC of 4,000 rows on either side is .0065 where they are alike; four are allowed."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, len(_SESSION), 3))
    assert abs(two_sample_auc(x, y, _SESSION) - 0.5) < 0.026
    y[:, 1] += 20.0
    assert two_sample_auc(x, y, _SESSION) == 1.0


def test_a_difference_in_how_two_features_go_together_is_seen() -> None:
    """Each by itself has the same law on both sides."""
    x, y = np.random.default_rng(2).normal(size=(2, len(_SESSION), 2))
    y[:, 1] = np.abs(y[:, 1]) * np.sign(y[:, 0])
    assert two_sample_auc(x, y, _SESSION) > 0.7


def test_where_a_feature_is_missing_tells_as_much_as_its_value() -> None:
    x, y = np.random.default_rng(3).normal(size=(2, len(_SESSION), 1))
    y[::2] = np.nan
    # Half of the rows are known at once, the other half are even: .5 + .5 / 2.
    assert two_sample_auc(x, y, _SESSION) == pytest.approx(0.75, abs=0.026)
    assert two_sample_auc(np.full_like(x, np.nan), np.full_like(y, np.nan), _SESSION) == 0.5


def test_sessions_are_not_learned_by_heart() -> None:
    """Every session has a value of its own, which says nothing of the sessions of another fold."""
    rng = np.random.default_rng(4)
    x, y = (rng.normal(size=_SESSIONS)[_SESSION][:, None] for _ in range(2))
    # Of 200 sessions on either side the standard error is .03.
    assert abs(two_sample_auc(x, y, _SESSION) - 0.5) < 0.12


def test_constant_features_and_two_short_sessions_are_even() -> None:
    x = np.ones((4, 2))
    assert two_sample_auc(x, x, np.array([0, 0, 1, 1])) == 0.5


def test_choosing_an_engine_loads_no_scikit_learn() -> None:
    """That would take several times as long as the choice."""
    program = (
        "import sys\n"
        "from earthwire.grounding.calibrate import fit_laws\n"
        "from earthwire.grounding.engine import choose_engine\n"
        "from tests.grounding.synthetic import make_calls\n"
        "choose_engine(make_calls(sessions=60).timed(), fit_laws)\n"
        "sys.exit('sklearn' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
