"""The section of docs/clients.md about HTTP clients and the SDKs of model providers: what they said of each fault."""

import re

from foreign.http_runs import CLIENTS, Row, command_of, run_gauntlet

_NAMED = re.compile(r"^(?:curl: \(\d+\)|\w+(?=:))", re.MULTILINE)
"""How a client names what went wrong, at the beginning of a line."""


def section() -> str:
    """Run all clients through the gauntlet.

    Raises:
        EnvironmentUnavailableError: if a client cannot be installed.
    """
    met = {name: run_gauntlet(command_of(client)) for name, client in CLIENTS.items()}
    faults = next(iter(met.values()))
    lines = [
        "## HTTP clients and SDKs of model providers",
        "",
        "Each client asks once, with a time limit of 3 s, while the fault hits its first two calls (a missing field, "
        "401 and false gzip hit all). What it raised in the end; `n×` is how often it asked before it had its answer.",
        "",
        f"| fault | {' | '.join(met)} |",
        "|---" * (len(met) + 1) + "|",
    ]
    for fault, row in faults.items():
        cells = (_cell(rows[fault]) for rows in met.values())
        lines.append(f"| `{fault}`: {row['what_happens']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: Row) -> str:
    if row["fate"] == "does not apply":
        return "–"
    if row["exit_code"] == 0:
        return "its answer" if row["tries"] <= 1 else f"its answer, {row['tries']}×"
    if row["exit_code"] is None:
        return "hangs"
    named = _NAMED.findall(row["said"])
    return f"`{named[-1]}`" if named else f"exit code {row['exit_code']}"
