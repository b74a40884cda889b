"""How many framing attacks a proxy forwards to its tool: earthwire, beside nginx and haproxy.

Each case of the corpus is sent whole and byte by byte. What counts is what reached a witness behind the proxy: nothing
(``refused``), the beginning of a request that was then broken off (``cut``), or a whole request (``FORWARDED``).

    python benchmarks/framing.py --output docs/framing.md
"""

import argparse
import asyncio
import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contenders import install_missing, start_haproxy, start_nginx
from framing_witness import PATIENCE_S, Case, Trial, Witness, attempt, listening_witness, read_corpus
from process import stop

from earthwire.proxy import ServeConfig, running_proxy
from earthwire.proxy.calls.pass_through import PassThrough

_SEVERITY = {"refused": 0, "cut": 1, "forwarded": 2}

HEADING = """# Framing

Two programs that read the same bytes differently are how requests are smuggled past a proxy. So whatever can be read
in two ways is refused, and what is forwarded is written anew from what was understood. This page is the output of

    python benchmarks/framing.py --output docs/framing.md

Each case of `tests/proxy/framing_corpus.yaml` is sent whole and byte by byte, on a connection of its own, to the proxy
in front of a witness that keeps every byte. The worse of the two is shown: *refused*: no byte of it reached the tool;
*cut*: the beginning of a request did, and was broken off there, so that the tool never had a whole one (a body that is
streamed can turn out to be malformed late); **forwarded**: a whole request did. nginx and haproxy are those of Debian
with their usual settings, and their figures differ by one or two from run to run. What they forward they may well have
repaired first, and RFC 9112 allows much of that: their
columns show how differently the same bytes are read, not that they are unsafe. The two controls that earthwire and
nginx refuse have tabs around a value that decides about framing, which RFC 9112 allows and no client sends.
"""


@dataclass
class Column:
    """What one proxy made of all cases, by name of the case."""

    name: str
    attacks: dict[str, str] = field(default_factory=dict)
    served: dict[str, bool] = field(default_factory=dict)
    leaked: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, help="write the page to this file as well")
    arguments = parser.parse_args()
    install_missing()
    columns = asyncio.run(try_all())
    text = page(columns)
    print(text)
    if arguments.output is not None:
        arguments.output.write_text(f"{HEADING}\n{text}", encoding="utf-8")


async def try_all() -> list[Column]:
    """Try every case on every proxy that is there."""
    async with contextlib.AsyncExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        witness = await running.enter_async_context(listening_witness())
        subjects = [("earthwire", witness, await start_earthwire(running, witness))]
        for name, start in (("nginx", start_nginx), ("haproxy", start_haproxy)):
            witness = await running.enter_async_context(listening_witness())
            contender = await asyncio.to_thread(start, folder, witness.port)
            if contender is not None:
                running.callback(stop, contender.process)
                subjects.append((name, witness, contender.port))
        return await asyncio.gather(*(try_one(*subject) for subject in subjects))


async def start_earthwire(running: contextlib.AsyncExitStack, witness: Witness) -> int:
    """Start a proxy on this loop; return its port."""
    config = ServeConfig(upstreams={"tool": f"http://127.0.0.1:{witness.port}"}, port=0)
    proxy = await running.enter_async_context(running_proxy(config, PassThrough()))
    return proxy.port


async def try_one(name: str, witness: Witness, port: int) -> Column:
    """Try every case on one proxy."""
    column = Column(name)
    for case in read_corpus("attacks"):
        trials = [await attempt(witness, port, pieces) for pieces in ways_to_send(case)]
        column.attacks[case.name] = max((trial.fate for trial in trials), key=_SEVERITY.__getitem__)
        column.leaked += [case.name for trial in trials if trial.fence != b"/fence"]
    for case in read_corpus("controls"):
        trials = [
            await attempt(witness, port, pieces, PATIENCE_S, answers=1) for pieces in ways_to_send(case)
        ]
        column.served[case.name] = all(is_served(trial) for trial in trials)
    return column


def ways_to_send(case: Case) -> list[Sequence[bytes]]:
    """Return the pieces of a case: whole, then byte by byte."""
    return [[case.data], [bytes([byte]) for byte in case.data]]


def is_served(trial: Trial) -> bool:
    """Tell whether a request was forwarded and its answer came back."""
    return trial.fate == "forwarded" and b" 200 " in trial.received.partition(b"\r\n")[0]


def page(columns: Sequence[Column]) -> str:
    """Return the figures and the table, as Markdown."""
    lines = []
    for column in columns:
        fates = list(column.attacks.values())
        lines.append(
            f"- {column.name}: framing attacks forwarded: {fates.count('forwarded')} / {len(fates)} "
            f"({fates.count('refused')} refused, {fates.count('cut')} cut); answers that reached somebody else: "
            f"{len(column.leaked)}; controls served: {sum(column.served.values())} / {len(column.served)}"
        )
    names = [column.name for column in columns]
    lines += ["", f"| attack | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for case in read_corpus("attacks"):
        lines.append(
            f"| {case.name} | {' | '.join(shown(column.attacks[case.name]) for column in columns)} |"
        )
    lines += ["", f"| control | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for case in read_corpus("controls"):
        verdicts = ["served" if column.served[case.name] else "refused" for column in columns]
        lines.append(f"| {case.name} | {' | '.join(verdicts)} |")
    return "\n".join(lines) + "\n"


def shown(fate: str) -> str:
    return "**forwarded**" if fate == "forwarded" else fate


if __name__ == "__main__":
    main()
