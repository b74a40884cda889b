"""A client of an HTTP tool that tries again and looks at what it got; it exits with 0 if it got what it wanted.

python examples/careful_client.py http://127.0.0.1:8900/t/api
"""

import json
import sys
import time
import urllib.request
from http.client import HTTPException

TIMEOUT_S = 3.0
PAUSES_S = (0.1, 0.3)


def items(url: str) -> list[object]:
    """Ask once; raise an error where the answer is not what it should be."""
    with urllib.request.urlopen(f"{url}/items", timeout=TIMEOUT_S) as response:
        answer = json.loads(response.read())
    if not isinstance(answer, dict) or "items" not in answer:
        raise ValueError(f"no items in {answer!r}")
    return list(answer["items"])


def main() -> int:
    """Ask up to three times; return the exit code."""
    for pause_s in (*PAUSES_S, None):
        try:
            print(items(sys.argv[1]))
            return 0
        except (OSError, HTTPException, ValueError) as error:
            print(error, file=sys.stderr)
        if pause_s is not None:
            time.sleep(pause_s)
    return 1


if __name__ == "__main__":
    sys.exit(main())
