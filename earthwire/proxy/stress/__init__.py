"""Runs of an agent, each with a proxy of its own."""

from earthwire.proxy.stress.order_server import OrderServer
from earthwire.proxy.stress.served_run import ServedRun, serve_run

__all__ = ["OrderServer", "ServedRun", "serve_run"]
