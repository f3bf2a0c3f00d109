"""A server on loopback with what a judge needs of OpenAI's protocol: chat completions, files and batches."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "judge-2026-01-01"


def verdict(score: Any = 4, **changes: Any) -> dict[str, Any]:
    """A reply to the rubric multi/1."""
    aspects = ("helpfulness", "clarity", "factuality", "depth", "engagement")
    return {aspect: {"rationale": f"on {aspect}", "score": score} for aspect in aspects} | changes


def completion(content: Any, reason: str = "stop", model: str | None = MODEL, **message: Any) -> dict[str, Any]:
    """A chat completion whose text is ``content``, or its JSON."""
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    return {
        "object": "chat.completion",
        "model": model,
        "choices": [
            {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": text, **message}}
        ],
        # One that is cut off has all that the tests' judges ask for.
        "usage": {"prompt_tokens": 100, "completion_tokens": 100 if reason == "length" else 10},
    }


def obedient(body: dict[str, Any]) -> dict[str, Any]:
    """What a server with structured output replies: any JSON of the schema."""
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        return completion(example(form["json_schema"]["schema"]))
    if form.get("type") == "json_object":
        return completion({"hello": "there"})
    return completion("Hello!")


def example(schema: dict[str, Any]) -> Any:
    """A value that a rubric's schema allows."""
    if "enum" in schema:
        return schema["enum"][min(3, len(schema["enum"]) - 1)]
    if "anyOf" in schema:
        return example(schema["anyOf"][0])
    if schema.get("type") == "object":
        return {name: example(part) for name, part in schema["properties"].items()}
    return "because"


@dataclass
class JudgeServer:
    """What it was asked, and its files and batches. ``reply`` gives the body, or (status, body), of a completion."""

    reply: Callable[[dict[str, Any]], Any]
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Who owns its models, as it says: vllm, llamacpp; "": it has no list.
    owner: str = ""
    # How many times a batch says that it is in progress before it is done.
    polls: int = 1
    port: int = 0
    lock: Any = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/v1"

    def questions(self) -> list[str]:
        """The texts that judges were asked, without the probes."""
        texts = [body["messages"][0]["content"] for body in self.asked]
        return [text for text in texts if not text.startswith("Say hello")]

    def post(self, path: str, data: bytes) -> tuple[int, Any]:
        """The answer to a POST."""
        if path == "/v1/files":
            # A multipart form: the file is what lies between the blank line of its part and the last boundary.
            _, _, rest = data.partition(b'name="file"')
            name = f"file-{len(self.files)}"
            self.files[name] = rest.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0].partition(b"\r\n--")[0]
            return 200, {"id": name, "object": "file"}
        body = json.loads(data)
        if path == "/v1/batches":
            name = f"batch-{len(self.batches)}"
            self.batches[name] = {**body, "id": name, "status": "validating", "polled": 0}
            return 200, self.batches[name]
        with self.lock:
            self.asked.append(body)
        found = self.reply(body)
        return found if isinstance(found, tuple) else (200, found)

    def get(self, path: str) -> tuple[int, Any]:
        """The answer to a GET."""
        path = path.partition("?")[0]
        if path == "/v1/models" and self.owner:
            return 200, {"data": [{"id": MODEL, "object": "model", "owned_by": self.owner}]}
        if path in ("/v1/models", "/props"):
            return 404, {"error": {"message": "Not Found"}}
        if path == "/v1/batches":
            return 200, {"data": list(self.batches.values())}
        name = path.split("/")[3]
        if path.startswith("/v1/files"):
            return 200, self.files[name]
        if name not in self.batches:
            return 404, {"error": {"message": "no such batch"}}
        batch = self.batches[name]
        batch["polled"] += 1
        if batch["polled"] > self.polls and batch["status"] == "validating":
            self._finish(batch)
        return 200, batch

    def _finish(self, batch: dict[str, Any]) -> None:
        results: dict[str, list[bytes]] = {"output_file_id": [], "error_file_id": []}
        # The last request is answered first.
        for line in reversed(self.files[batch["input_file_id"]].splitlines()):
            request = json.loads(line)
            self.asked.append(request["body"])
            found = self.reply(request["body"])
            status, body = found if isinstance(found, tuple) else (200, found)
            result = {
                "custom_id": request["custom_id"],
                "response": {"status_code": status, "body": body},
                "error": None,
            }
            results["output_file_id" if status == 200 else "error_file_id"].append(json.dumps(result).encode())
        for name, lines in results.items():
            if lines:
                batch[name] = f"{batch['id']}-{name}"
                self.files[batch[name]] = b"\n".join(lines) + b"\n"
        batch["status"] = "completed"


@contextmanager
def judging(reply: Callable[[dict[str, Any]], Any] = obedient, **settings: Any) -> Iterator[JudgeServer]:
    """A running server."""
    judge = JudgeServer(reply, **settings)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._send(*judge.post(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

        def do_GET(self) -> None:
            self._send(*judge.get(self.path))

        def _send(self, status: int, found: Any) -> None:
            judge.headers.append({name.lower(): value for name, value in self.headers.items()})
            data = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    judge.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield judge
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
