"""A page in headless Chromium, spoken to over its debugging pipe, for tests of HTML files."""

import json
import os
import shutil
import subprocess
from pathlib import Path

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
_SCREEN = "--window-size=1200,900"


class Browser:
    """One browser, one page at a time. A context manager.

    Args:
        profile: An empty folder for what the browser keeps.

    Attributes:
        heard: Every event since the page was opened: (method, parameters).
    """

    def __init__(self, profile: Path) -> None:
        self.heard = []
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()
        command = (  # the browser reads from 3 and writes to 4
            f'exec 3<&{to_child} 4>&{from_child}; exec "$0" "$@"'
        )
        options = [
            "--headless",
            "--no-sandbox",
            "--remote-debugging-pipe",
            "--no-first-run",
            _SCREEN,
        ]
        self._process = subprocess.Popen(
            ["bash", "-c", command, CHROMIUM, *options, f"--user-data-dir={profile}"],
            pass_fds=(to_child, from_child),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_child)
        os.close(from_child)
        self._rest, self._number, self._session = b"", 0, None

    def __enter__(self):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self._session = None
        self.ask("Browser.close")
        self._process.wait(20)
        os.close(self._write)
        os.close(self._read)

    def open(self, page: Path):
        """Load a file and wait until all that it holds is there."""
        self.heard.clear()
        self.ask("Page.navigate", url=page.as_uri())
        while not any(method == "Page.loadEventFired" for method, _ in self.heard):
            self._hear()

    def value_of(self, script):
        """What a script says in the page, as JSON; a promise is waited for."""
        found = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        return found["result"].get("value")

    def complaints(self):
        """Errors, warnings and what was refused, as the console shows them."""
        told = []
        for method, facts in self.heard:
            if method == "Log.entryAdded":
                told.append(facts["entry"]["text"])
            elif method == "Runtime.exceptionThrown":
                told.append(facts["exceptionDetails"]["text"])
            elif method == "Runtime.consoleAPICalled":
                told.append(str(facts["args"]))
        return told

    def requests(self):
        """What was asked for, but for the pictures that the page holds itself."""
        urls = [f["request"]["url"] for m, f in self.heard if m == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith("data:")]

    def ask(self, method, **parameters):
        """Do something and return the answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._hear()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def _hear(self):
        while b"\0" not in self._rest:
            part = os.read(self._read, 1 << 16)
            if not part:
                raise ConnectionError("the browser has gone")
            self._rest += part
        line, self._rest = self._rest.split(b"\0", 1)
        message = json.loads(line)
        if "method" in message:
            self.heard.append((message["method"], message.get("params", {})))
        return message
