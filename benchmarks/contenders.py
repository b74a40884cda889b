"""The proxies that are compared, each set up as one would run it, before the same upstream."""

import contextlib
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from process import Contender, free_port, launch, stop

BODY = b'{"x":"' + b"a" * 1016 + b'"}'
SUBJECT = str(Path(__file__).with_name("subject.py"))


def start_all(
    folder: Path, with_profile: bool, running: contextlib.ExitStack, pythons: list[str]
) -> list[Contender]:
    """Start the upstream and the contenders, earthwire in each of these interpreters as well; return the contenders."""
    upstream = start_upstream(folder)
    running.callback(stop, upstream.process)
    starters = [start_nginx, start_haproxy]
    for number, python in enumerate([sys.executable, *pythons]):
        where = f", {python}" if number else ""
        starters.append(functools.partial(start_earthwire, f"earthwire bare{where}", [], python=python))
        if with_profile:
            options = ["--with-profile", "--record", str(folder / f"record{number}.jsonl")]
            name = f"earthwire draw+record{where}"
            starters.append(functools.partial(start_earthwire, name, options, python=python))
    contenders = []
    for starter in starters:
        contender = starter(folder, upstream.port)
        if contender is not None:
            running.callback(stop, contender.process)
            contenders.append(contender)
    return contenders


def start_upstream(folder: Path) -> Contender:
    port = free_port()
    if shutil.which("nginx") is None:
        return launch("upstream", port, [sys.executable, SUBJECT, "stub", str(port)])
    (folder / "www").mkdir()
    (folder / "www" / "x.json").write_bytes(BODY)
    location = f"root {folder / 'www'}; default_type application/json;"
    return launch("upstream", port, nginx_command(folder / "upstream.conf", port, location, ""))


def start_nginx(folder: Path, upstream_port: int) -> Contender | None:
    if shutil.which("nginx") is None:
        return None
    port = free_port()
    pool = (
        f"upstream tool {{ server 127.0.0.1:{upstream_port}; keepalive 64; keepalive_requests 100000000; }}"
    )
    location = (
        'location / { proxy_pass http://tool; proxy_http_version 1.1; proxy_set_header Connection ""; }'
    )
    return launch("nginx", port, nginx_command(folder / "nginx.conf", port, location, pool))


def nginx_command(path: Path, port: int, location: str, pool: str) -> list[str]:
    # A worker that root starts would drop to a user that cannot read the temporary folder.
    user = "user root;" if os.geteuid() == 0 else ""
    path.write_text(
        f"""daemon off; {user} worker_processes 1; pid {path}.pid; error_log {path}.log;
        events {{ worker_connections 4096; }}
        http {{ access_log off; keepalive_requests 100000000; {pool}
          server {{ listen 127.0.0.1:{port}; {location} }} }}""",
        encoding="utf-8",
    )
    return ["nginx", "-c", str(path)]


def start_haproxy(folder: Path, upstream_port: int) -> Contender | None:
    if shutil.which("haproxy") is None:
        return None
    port = free_port()
    path = folder / "haproxy.cfg"
    path.write_text(
        f"""global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend front
  bind 127.0.0.1:{port}
  default_backend tool
backend tool
  server tool 127.0.0.1:{upstream_port}
""",
        encoding="utf-8",
    )
    return launch("haproxy", port, ["haproxy", "-db", "-f", str(path)])


def start_earthwire(
    name: str, options: list[str], folder: Path, upstream_port: int, python: str = sys.executable
) -> Contender:
    port = free_port()
    upstream = f"http://127.0.0.1:{upstream_port}"
    return launch(name, port, [python, SUBJECT, "earthwire", str(port), upstream, *options])


def install_missing() -> None:
    """Install nginx and haproxy with apt-get, where that is possible and they are absent."""
    missing = [name for name in ("nginx", "haproxy") if shutil.which(name) is None]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"skipped, because not installed: {', '.join(missing)}", file=sys.stderr)
        return
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode != 0:
        print(f"skipped, because apt-get could not install: {', '.join(missing)}", file=sys.stderr)
