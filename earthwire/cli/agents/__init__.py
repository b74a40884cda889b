"""Agents that commands start, with the proxies around them."""
