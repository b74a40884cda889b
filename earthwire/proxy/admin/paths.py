"""The paths of the admin side that more than one of its parts has to know."""

DASHBOARD_PATH = "/_earthwire/dashboard"
LIVE_PATH = "/_earthwire/live"
