"""The ``earthwire`` command from its first instruction on. It loads next to nothing itself: see `earthwire.cli.app`."""

import os
import signal
import sys

EXIT_INTERRUPTED = 130
"""Ctrl-C: 128 and the number of its signal, as shells have it."""


def main() -> None:
    """Run the command line; Ctrl-C ends it without a stack trace, also in the half second in which its modules load."""
    is_usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_usual:
        # Nothing is open yet. An exception could surface in any module, and some take those of an import for their own.
        signal.signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED))
    from earthwire.cli.app import asked_for, run_app

    app = asked_for(sys.argv[1:])
    if is_usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run_app(app)
    except KeyboardInterrupt:
        # While commands run typer does the same; before that it looks at the parameters of all of them.
        sys.exit(EXIT_INTERRUPTED)
