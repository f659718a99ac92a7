"""A small read-only page about one rig, for a phone at the end of the lab's tunnel. No Qt.

It can ask for nothing, and is served to this computer alone.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any

import cv2
import numpy as np
from aiohttp import web

from tracker.gui.follow import take_in
from tracker.gui.judgement import Lamp
from tracker.gui.link import Link
from tracker.gui.rig import Rig

TICK_S = 0.05
"""How often what has come is taken in."""

SPAN_S = 60.0
"""Of the ethogram on the page."""

SHAPES = {Lamp.GREEN: "●", Lamp.AMBER: "▲", Lamp.RED: "■"}

LOCAL = frozenset(("localhost", "127.0.0.1", "[::1]"))
"""Names under which the page may be asked for: another web site must not read it through the
browser of somebody here (DNS rebinding)."""


def state_of(rig: Rig) -> dict[str, Any]:
    """Return what the page shows, JSON-ready."""
    judged, facts = rig.judgement, rig.facts
    now_s = rig.now_s
    return {
        "lamp": judged.lamp.name.lower(),
        "shape": SHAPES[judged.lamp],
        "reasons": list(judged.reasons),
        "subject": facts.subject if facts else "",
        "elapsed_s": round(rig.elapsed_s),
        "planned_s": facts.duration_s if facts else None,
        "outputs": bool(facts and facts.outputs),
        "armed_by": rig.armed_by,
        "lost": rig.is_lost,
        "filming": rig.status.filming if rig.status and rig.goodbye is None else None,
        "stimuli": dict(rig.status.stimuli) if rig.status else {},
        "p99_ms": _or_none(rig.status.latency_p99_ms) if rig.status else None,
        "picture": rig.picture.message.seq if rig.picture else None,
        "span_s": SPAN_S,
        "behaviours": [
            {
                "name": name.replace("_", " "),
                "on": bouts.going_on is not None,
                "bouts": [
                    [
                        round(max(0.0, SPAN_S - (now_s - bout.onset_s)), 2),
                        round(SPAN_S - max(0.0, now_s - (bout.end_s or now_s)), 2),
                    ]
                    for bout in bouts.within(now_s - SPAN_S, now_s)
                ],
            }
            for name, bouts in rig.bouts.items()
        ],
    }


def make_app(link: Link, names: Collection[str] = ()) -> web.Application:
    """Return the page's server.

    Args:
        link: Started; closed by whoever made it.
        names: Under which it may be asked for, beside those of this computer.
    """
    rig = Rig(link.address)
    allowed = LOCAL | set(names)

    @web.middleware
    async def only_by_name(request: web.Request, handler: Any) -> web.StreamResponse:
        host = request.host.rpartition(":")[0] or request.host
        if host not in allowed and request.host not in allowed:
            raise web.HTTPForbidden(text=f"not served as {request.host}: start it with --name")
        answer: web.StreamResponse = await handler(request)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def state(_request: web.Request) -> web.Response:
        return web.json_response(state_of(rig))

    async def picture(_request: web.Request) -> web.Response:
        if rig.picture is None:
            raise web.HTTPNotFound(text="no picture yet")
        image = rig.picture.image
        image = np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image
        _, content = cv2.imencode(".jpg", image)
        return web.Response(body=content.tobytes(), content_type="image/jpeg")

    async def follow(_app: web.Application) -> AsyncIterator[None]:
        async def over_and_over() -> None:
            while True:
                take_in(link, rig, TICK_S / 2)
                await asyncio.sleep(TICK_S)

        task = asyncio.create_task(over_and_over())
        yield
        task.cancel()

    app = web.Application(middlewares=[only_by_name])
    app.router.add_get("/", page)
    app.router.add_get("/state", state)
    app.router.add_get("/picture", picture)
    app.cleanup_ctx.append(follow)
    return app


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 1)


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>tracker</title>
<style>
body { background: #14181c; color: #e4e9ee; font: 16px system-ui, sans-serif; margin: 12px; }
#top { font-size: 20px; font-weight: 600; }
.green { color: #1fbf92; } .amber { color: #e69f00; } .red { color: #ff6b3d; }
#more, #facts { color: #93a1ae; }
img { width: 100%; max-width: 640px; border-radius: 6px; margin: 8px 0; display: block; }
.row { display: flex; align-items: center; gap: 8px; max-width: 640px; }
.row span { width: 110px; } .row svg { flex: 1; height: 20px; background: #1c2228; }
</style>
<div id="top"></div><div id="more"></div><div id="facts"></div>
<img id="picture" alt="newest picture"><div id="ethogram"></div>
<script>
const colours = ["#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#d55e00"];
const at = (id) => document.getElementById(id);
const clock = (s) => Math.floor(s / 60) + ":" + String(s % 60).padStart(2, "0");
let shown = null;
function row(behaviour, place, span) {
  const line = document.createElement("div"), name = document.createElement("span");
  line.className = "row";
  name.textContent = behaviour.name;
  name.style.color = behaviour.on ? colours[place % 6] : "";
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 " + span + " 1");
  svg.setAttribute("preserveAspectRatio", "none");
  for (const [from, to] of behaviour.bouts) {
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, value] of Object.entries(
      { x: from, y: 0.15, width: Math.max(0.1, to - from), height: 0.7, fill: colours[place % 6] }
    )) bar.setAttribute(key, value);
    svg.append(bar);
  }
  line.append(name, svg);
  return line;
}
async function look() {
  try {
    const s = await (await fetch("state")).json();
    at("top").textContent = s.shape + " " + s.reasons[0];
    at("top").className = s.lamp;
    at("more").textContent = s.reasons.slice(1).join("; ");
    const planned = s.planned_s ? " of " + clock(Math.round(s.planned_s)) : "";
    const how = s.lost ? "was armed by " : "ARMED by ";
    const armed = s.outputs ? (s.armed_by ? how + s.armed_by : "not armed") : "";
    const video = s.filming === null ? "" : s.filming ? "video runs" : "no video now";
    const late = s.p99_ms === null ? "" : "p99 " + s.p99_ms + " ms";
    const given = Object.entries(s.stimuli).map(([what, n]) => n + " " + what).join(", ");
    at("facts").textContent =
      [s.subject, clock(s.elapsed_s) + planned, late, armed, video, given]
        .filter(Boolean).join("  ·  ");
    if (s.picture !== shown) { shown = s.picture; at("picture").src = "picture?" + shown; }
    at("ethogram").replaceChildren(...s.behaviours.map((b, k) => row(b, k, s.span_s)));
  } catch (error) {
    at("top").textContent = "■ this page has lost its server";
    at("top").className = "red";
  }
  setTimeout(look, 500);
}
look();
</script></html>
"""
