"""Reports as pages: one self-contained HTML file with pictures, without a script and without a request."""

from earthwire.report.fidelity_page import fidelity_page
from earthwire.report.fidelity_scores import MODEL_LABELS, gap_text
from earthwire.report.profile_page import TOOLS_PICTURED_MAX, profile_page
from earthwire.report.verify_page import verify_page

__all__ = ["MODEL_LABELS", "TOOLS_PICTURED_MAX", "fidelity_page", "gap_text", "profile_page", "verify_page"]
