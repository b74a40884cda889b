"""Writes docs/gauntlet.md: what real clients made of each fault, as they were seen to do it just now.

    python scripts/make_gauntlet_docs.py

Runs programs of other people in environments of their own, which takes minutes and needs the package registries.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "gauntlet.md"
_MARKS = {"good": "", "weak": " ·", "bad": " ✗", "none": ""}
_HEAD = """\
# The gauntlet

`earthwire gauntlet -- python client.py {url}` runs a client again and again, with one fault at a time between it and a
built-in tool server, and says what it made of each. Nothing needs to be configured. A client exits with 0 if it got
what it wanted; it is told its URL in its arguments (`{url}`) and as `EARTHWIRE_URL`, `OPENAI_BASE_URL` and
`ANTHROPIC_BASE_URL`. Most faults hit its first two calls and then go away. `--mcp URL` and `--url URL` stand in front
of a server of yours, `--only FAULT --bytes` shows the very bytes of one fault, `--json` is for machines.

| fate | means |
|---|---|
| survived | the fault needed no second try, and the client got what it wanted |
| recovered after n tries | it tried again until it got what it wanted |
| gave up | it ended with an error that it told its caller |
| ignored the head | it did not believe, or not read, what the head says of the body, and so got the true answer |
| accepted garbage | it ended well with a broken answer |
| hung | it did not end in its time |
| crashed | it ended by an error that nobody caught, or by a signal |
| – | its answers cannot be broken like this |

The tables below were written by `python scripts/make_gauntlet_docs.py`, which runs each client in an environment of its
own with a time limit of 3 s for an answer. ` ·`: less than a good client does; ` ✗`: worse than an error.
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from foreign.http_runs import CLIENTS, command_of, run_gauntlet
    from foreign.mcp_clients import SDKS
    from foreign.mcp_runs import run_sdk

    http = {}
    for name, client in CLIENTS.items():
        print(f"{name} …", file=sys.stderr, flush=True)
        http[name] = run_gauntlet(command_of(client))
    sdks = {}
    for sdk in SDKS:
        print(f"{sdk} …", file=sys.stderr, flush=True)
        sdks[sdk] = run_sdk(sdk)
    parts = [_HEAD, "## HTTP clients and SDKs of model providers\n", *table(http)]
    parts += [
        "\n## The official MCP SDK\n",
        "One tool is called, once, in a session of its own.\n",
        *table(sdks),
    ]
    PAGE.write_text("\n".join(parts) + "\n", "utf-8")


def table(clients: dict[str, dict[str, dict[str, object]]]) -> list[str]:
    """Return a table with a row for each fault and a column for each client."""
    faults = next(iter(clients.values()))
    lines = [f"| fault | {' | '.join(clients)} |", "|---" * (len(clients) + 1) + "|"]
    for name, row in faults.items():
        cells = (cell(rows[name]) for rows in clients.values())
        lines.append(f"| `{name}`: {row['what_happens']} | {' | '.join(cells)} |")
    return lines


def cell(row: dict[str, object]) -> str:
    """Return what one client made of one fault."""
    if row["fate"] == "does not apply":
        return "–"
    fate = f"recovered after {row['tries']}" if row["fate"] == "recovered" else str(row["fate"])
    return fate + _MARKS[str(row["judged"])]


if __name__ == "__main__":
    main()
