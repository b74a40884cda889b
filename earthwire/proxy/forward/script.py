"""The file for ``mitmdump -s``: mitmproxy loads it by its path and finds the addon in `addons`."""

from earthwire.proxy.forward.addon import SimulatedTools

addons = [SimulatedTools()]
