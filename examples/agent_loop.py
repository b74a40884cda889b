"""A small agent whose tool is simulated in process: no proxy, no network, and no time spent waiting.

python examples/agent_loop.py
"""

from earthwire import ToolHTTPError
from earthwire.in_process import SimulatedEpisode

EPISODES = 200
TRIES_MAX = 3
PATIENCE_S = 10.0


def search(query: str) -> dict[str, object]:
    """Stand for the tool: what it answers when nothing goes wrong."""
    return {"query": query, "items": ["alder", "birch"]}


def run_agent(episode: SimulatedEpisode) -> bool:
    """Ask the tool until it answers as it should; tell whether it did."""
    simulated_search = episode.tool(search)
    for _ in range(TRIES_MAX):
        try:
            answer = simulated_search("trees")
        except (ToolHTTPError, OSError, ValueError):
            continue  # An error status; a time-out or a lost connection; an answer that cannot be read.
        if isinstance(answer, dict) and answer.get("items"):
            return True
    return False


def main() -> None:
    """Run the agent in episodes with a seed each and print how it fared."""
    episodes = [SimulatedEpisode("six-faults", seed, client_timeout_s=PATIENCE_S) for seed in range(EPISODES)]
    succeeded = sum(run_agent(episode) for episode in episodes)
    simulated_s = sum(episode.latency_s for episode in episodes)
    print(f"{succeeded} of {EPISODES} runs succeeded, in {simulated_s:.0f} s of simulated time")


if __name__ == "__main__":
    main()
