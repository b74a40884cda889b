"""What every page looks like: the frame, the style, and the parts of drawings. It knows nothing of what is shown."""

from earthwire.pages.document import chart_grid, figure, key_figures, live_page, page, section, table
from earthwire.pages.drawing import Series, legend
from earthwire.pages.scale import Scale, linear_scale, log_scale, logit_scale, ratio_scale

__all__ = [
    "Scale",
    "Series",
    "chart_grid",
    "figure",
    "key_figures",
    "legend",
    "linear_scale",
    "live_page",
    "log_scale",
    "logit_scale",
    "page",
    "ratio_scale",
    "section",
    "table",
]
