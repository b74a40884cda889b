"""The gauntlet: a client meets faults one at a time, and what it makes of each is seen."""

from earthwire.proxy.client_process import ClientRun
from earthwire.proxy.gauntlet.course import Course, Result, run_course
from earthwire.proxy.gauntlet.probe import Seen, probe
from earthwire.proxy.gauntlet.tool_server import ToolServer
from earthwire.proxy.gauntlet.trial import base_urls, run_client

__all__ = [
    "ClientRun",
    "Course",
    "Result",
    "Seen",
    "ToolServer",
    "base_urls",
    "probe",
    "run_client",
    "run_course",
]
