"""From a recipe to the proxy that it describes, run until it is told to stop."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from earthwire.cli.console import fail, messages
from earthwire.cli.serving.announcing import announcement
from earthwire.cli.serving.recipe_planner import mcp_configs, planner_of, tool_keys, warn
from earthwire.cli.telling.client_timeouts import timeout_sentences
from earthwire.config.recipe import ListenSection, RecipeFile, ReplaySection

if TYPE_CHECKING:
    from earthwire.proxy.admin_config import AdminConfig
    from earthwire.proxy.calls.planner import Planner
    from earthwire.proxy.serve_config import ServeConfig
    from earthwire.proxy.upstreams.replay_upstream import ReplayConfig
    from earthwire.proxy.wire.tls import Certificate

_UNTIL_THE_NEXT_START = ("record", "costs", "budget", "reward", "expectations")
"""What of a recipe, beside `listen`, cannot change while a proxy runs: a recording is held against one of each."""


def start(
    recipe: RecipeFile,
    client_timeout_s: float | None = None,
    upstream_recording: Path | None = None,
    read: Callable[[], RecipeFile] | None = None,
    admin: "AdminConfig | None" = None,
) -> None:
    """Run the proxy that a recipe describes until it is told to stop.

    Args:
        recipe: what to serve.
        client_timeout_s: patience of the client, to be told how often it will give up; changes nothing else.
        upstream_recording: tells a grounded simulation what the upstream takes by itself.
        read: reads the recipe anew, on SIGHUP.
        admin: where its admin side listens, or None.
    """
    from earthwire.cli.serving.recipe_channels import RunEnd
    from earthwire.cli.telling.upstream_fit import fit_sentences, observe_recording
    from earthwire.fault_models.grounded import GroundedSimulation
    from earthwire.fault_models.simulation import Simulation
    from earthwire.proxy.running import run
    from earthwire.proxy.serve_config import ServeError
    from earthwire.proxy.supervisor import run_workers

    worker_count = recipe.listen.workers
    end = RunEnd(recipe, worker_count)
    client_timeout_s = recipe.client_timeout_s if client_timeout_s is None else client_timeout_s
    planner = planner_of(recipe)
    if client_timeout_s is not None and isinstance(planner, Simulation):
        for sentence in timeout_sentences(planner.profile, client_timeout_s):
            messages().print(sentence, markup=False, soft_wrap=True)
    grounded = planner if isinstance(planner, GroundedSimulation) else None
    if upstream_recording is not None:
        if grounded is None:
            fail("--upstream-recording says what an upstream takes by itself; it goes with --ground")
        observe_recording(grounded, upstream_recording)
    try:
        config = msgspec.structs.replace(serve_config(recipe, planner), admin=admin)
        announce = announcement(config, planner, recipe.profile is not None)
        reread = None if read is None else _Reread(read, recipe, planner, admin)
        if worker_count == 1:
            run(config, planner, announce, warn, reread)
        else:
            run_workers(config, planner, worker_count, announce, warn, reread)
    except ServeError as error:
        fail(str(error))
    for sentence in () if grounded is None else fit_sentences(grounded):
        warn(sentence)
    end.report()


def serve_config(recipe: RecipeFile, planner: "Planner") -> "ServeConfig":
    """Return what is served of a recipe."""
    from earthwire.cli.serving.recipe_channels import with_channels
    from earthwire.proxy.serve_config import ServeConfig
    from earthwire.proxy.upstreams.replay_upstream import ReplayConfig

    record = recipe.record
    upstreams: dict[str, str | ReplayConfig] = {name: route.upstream for name, route in recipe.routes.items()}
    if recipe.replay is not None:
        upstreams = {"replay": _replay_config(recipe.replay, recipe)}
    config = ServeConfig(
        upstreams=upstreams,
        mcp=mcp_configs(recipe, planner),
        host=recipe.listen.host,
        port=recipe.listen.port,
        unix_path=None if recipe.listen.unix is None else Path(recipe.listen.unix),
        certificate=_certificate(recipe.listen.certificate, recipe.listen.key),
        allow_public=recipe.listen.allow_public,
        record_path=None if record is None else Path(record.path),
        keep_bodies=record is not None and record.bodies,
        upstream_ca=None if recipe.upstream_tls.ca is None else Path(recipe.upstream_tls.ca),
        upstream_certificate=_certificate(recipe.upstream_tls.certificate, recipe.upstream_tls.key),
        tool_keys=tool_keys(planner),
    )
    return with_channels(config, recipe)


def _certificate(path: str | None, key_path: str | None) -> "Certificate | None":
    from earthwire.proxy.wire.tls import Certificate

    if path is None:
        return None
    return Certificate(Path(path), None if key_path is None else Path(key_path))


def _replay_config(replay: ReplaySection, recipe: RecipeFile) -> "ReplayConfig":
    from earthwire.proxy.upstreams.replay_upstream import ReplayConfig
    from earthwire.traces import ReadOptions, ReplayIndex, read_all

    options = ReadOptions(keep_bodies=True, keep_urls=True)
    index = ReplayIndex(read_all([Path(path) for path in replay.traces], options))
    for reason, count in index.not_replayable.items():
        warn(f"{count} recordings cannot be replayed: {reason}")
    if not index.replayable_count:
        fail(
            f"no recording in {', '.join(replay.traces)} can be replayed; record with --bodies, or import with "
            "--keep-bodies"
        )
    live = next((route.upstream for route in recipe.routes.values()), None)
    if replay.on_miss == "forward" and live is None:
        fail("on_miss: forward needs an upstream to forward to; give one with --upstream")
    if replay.timing == "calibrated" and recipe.profile is None:
        fail("timing: calibrated needs a profile to draw from; give one with --profile")
    return ReplayConfig(index=index, miss=replay.on_miss, timing=replay.timing, url=live)


class _Reread:
    """Reads a recipe and its profile anew, and knows which are served."""

    def __init__(
        self,
        read: Callable[[], RecipeFile],
        recipe: RecipeFile,
        planner: "Planner",
        admin: "AdminConfig | None",
    ) -> None:
        self._read = read
        self._first = recipe
        self._admin = admin
        self._served = self._wanted = (recipe, planner.profile_hash)
        self._spokesman = os.getpid()

    def __call__(self) -> "tuple[ServeConfig, Planner] | None":
        """Return what they say; None if that is what is served (see `earthwire.proxy.running.Reread`)."""
        from earthwire.proxy.serve_config import ServeError

        try:
            recipe = self._read()
            planner = planner_of(recipe)
            config = msgspec.structs.replace(serve_config(recipe, planner), admin=self._admin)
        except SystemExit as ended:
            # What ends a command that starts must not end a proxy that serves; the message is out already.
            raise ServeError("see the error above") from ended
        self._wanted = (recipe, planner.profile_hash)
        if self._wanted == self._served and recipe.replay is None:
            return None
        return config, planner

    def taken(self) -> None:
        """Note that what was read last is served now, and say what of it is not."""
        self._served = self._wanted
        if os.getpid() != self._spokesman:
            return
        first, now = self._first, self._wanted[0]
        changed = [key for key in _UNTIL_THE_NEXT_START if getattr(now, key) != getattr(first, key)]
        for key in ListenSection.model_fields:
            if getattr(now.listen, key) != getattr(first.listen, key):
                changed.append(f"listen.{key}")
        if changed:
            warn(f"{', '.join(changed)}: changed in the recipe, and stays as it is until the next start")
