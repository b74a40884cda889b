"""The tools and the tasks of the package `agentdojo`, in its own environment.

``/mcp`` is an MCP server whose session is one task: it is what stands behind the proxy. ``/tasks``, ``/begin`` and
``/judge`` are the experimenter's side: they list tasks, begin one, and let the package judge what became of its world.
"""

import itertools
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agentdojo.agent_pipeline.tool_execution import tool_result_to_str
from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
from agentdojo.task_suite.load_suites import get_suites
from agentdojo.types import text_content_block_from_string

BENCHMARK = "v1.2.1"
BODY_BYTES_MAX = 4 * 1024 * 1024
PROTOCOL = "2025-06-18"


class Session:
    """One task under way: the suite's world, before and after, and the calls that reached it."""

    def __init__(self, suite, task, world):
        self.suite, self.task = suite, task
        self.world = task.init_environment(world.model_copy(deep=True))
        self.before = self.world.model_copy(deep=True)
        self.runtime = FunctionsRuntime(suite.tools)
        self.calls = []

    def call(self, name, arguments):
        """Return the text of a tool's result, and whether it is an error."""
        self.calls.append(FunctionCall(function=name, args=arguments))
        result, error = self.runtime.run_function(self.world, name, arguments)
        return (error, True) if error is not None else (tool_result_to_str(result), False)

    def script(self):
        """Make the calls of the ground truth; return them with the result that each has when all is well."""
        steps = []
        for call in self.task.ground_truth(self.world):
            arguments = call.model_dump(mode="json")["args"]
            wanted = self.runtime.functions[call.function].description
            result, _ = self.call(call.function, arguments)
            steps.append({"wanted": wanted, "arguments": arguments, "result": result})
        return steps

    def judge(self, answer):
        """Return whether the package calls the task solved."""
        return bool(
            self.suite._check_task_result(
                self.task, [text_content_block_from_string(answer)], self.before, self.world, self.calls
            )
        )


class Dojo:
    """All tasks, and the sessions under way; one call at a time, since the package was not made for threads."""

    def __init__(self):
        self.suites = get_suites(BENCHMARK)
        self.lock = threading.Lock()
        self.worlds = {
            name: suite.load_and_inject_default_environment({}) for name, suite in self.suites.items()
        }
        self.scripts = {}
        self.sessions = {}
        self.numbers = itertools.count(1)

    def tasks(self):
        return [f"{name}.{task}" for name, suite in self.suites.items() for task in suite.user_tasks]

    def begin(self, name):
        suite_name, _, task_name = name.partition(".")
        suite, world = self.suites[suite_name], self.worlds[suite_name]
        task = suite.user_tasks[task_name]
        if name not in self.scripts:
            self.scripts[name] = Session(suite, task, world).script()
        key = f"s{next(self.numbers)}"
        self.sessions[key] = Session(suite, task, world)
        return {
            "session": key,
            "prompt": task.PROMPT,
            "steps": self.scripts[name],
            "answer": task.GROUND_TRUTH_OUTPUT,
        }

    def judge(self, key, answer):
        return {"success": self.sessions.pop(key).judge(answer)}

    def rpc(self, session, message):
        match message["method"]:
            case "initialize":
                about = {"name": "agentdojo", "version": BENCHMARK}
                return {"protocolVersion": PROTOCOL, "capabilities": {"tools": {}}, "serverInfo": about}
            case "tools/list":
                return {"tools": [_listed(tool) for tool in session.suite.tools]}
            case "tools/call":
                params = message["params"]
                text, is_error = session.call(params["name"], params.get("arguments", {}))
                return {"content": [{"type": "text", "text": text}], "isError": is_error}
            case _:
                return {}


def _listed(tool):
    return {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": tool.parameters.model_json_schema(),
    }


def handler_of(dojo):
    """Return the handler class that serves a dojo."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else a response waits for the acknowledgement of its own head.
        disable_nagle_algorithm = True

        def do_GET(self):
            self._answer(dojo.tasks() if self.path == "/tasks" else {})

        def do_POST(self):
            asked = json.loads(self.rfile.read(min(int(self.headers["Content-Length"]), BODY_BYTES_MAX)))
            with dojo.lock:
                match self.path:
                    case "/begin":
                        self._answer(dojo.begin(asked["task"]))
                    case "/judge":
                        self._answer(dojo.judge(asked["session"], asked["answer"]))
                    case "/mcp":
                        result = dojo.rpc(dojo.sessions[self.headers["Mcp-Session-Id"]], asked)
                        self._answer({"jsonrpc": "2.0", "id": asked.get("id"), "result": result})

        def log_message(self, *_):
            pass

        def _answer(self, value):
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def main():
    """Serve on a free port of this machine until stdin is closed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(Dojo()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
