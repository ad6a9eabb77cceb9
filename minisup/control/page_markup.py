"""The status page as text: HTML, style and script of all its pages. Whatever is shown was escaped here.

One file, no other resource: what a page needs is in it, and its Content-Security-Policy allows exactly that by hash.
All links are relative, so that the pages work under any path of a proxy. Without its script a page works, too; the
script saves reloading: it asks for ``status.json`` once a second, or follows a log, while somebody looks.
"""

import binascii
import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from minisup import SUPERVISORD_VERSION, __version__
from minisup.protocol import xmlrpc
from minisup.protocol.http import Body, date

TYPE = "text/html;charset=utf-8"
NOT_KEPT = f"Pragma: no-cache\r\nCache-Control: no-cache\r\nExpires: {date(0)}\r\n"
"""Header lines; supervisord's."""
NOT_GUESSED = "X-Content-Type-Options: nosniff\r\n"

LINKED = 16 * 1024
"""Bytes of a log that a link to its page asks for."""

BUTTONS = {"restart": "Restart", "stop": "Stop", "start": "Start", "clearlog": "Clear Log"}
"""Of a process: by action the word for it; those of all processes are `TOP`."""
TOP = {"restartall": "Restart All", "stopall": "Stop All"}

STYLE = """
:root { --paper: #f4f5f7; --card: #fff; --ink: #1b2027; --soft: #5a6370; --line: #dce0e6; --link: #1d4fbf;
  --good: #11692f; --good-paper: #dcf4e3; --bad: #a3201a; --bad-paper: #fde3e0; --calm-paper: #e9ecf1 }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171c; --card: #1d2129; --ink: #e4e7ec; --soft: #9aa4b2; --line: #323945; --link: #8db4ff;
    --good: #7fdc9c; --good-paper: #143622; --bad: #ff9d94; --bad-paper: #47191a; --calm-paper: #2b313b } }
* { box-sizing: border-box }
[hidden] { display: none !important }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.45 system-ui, sans-serif }
header, nav { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem }
header { position: sticky; top: 0; padding: .4rem 0; background: var(--paper) }
h1, p, pre, td.name, td.desc { overflow-wrap: anywhere }
h1 { flex: 1 1 16rem; margin: 0; font-size: 1.25rem }
h1 small, footer, .soft { color: var(--soft); font-weight: normal }
a { color: var(--link) }
button, .button { display: inline-block; padding: .25rem .7rem; border: 1px solid var(--line); border-radius: .4rem;
  background: var(--card); color: var(--link); font: inherit; text-decoration: none; cursor: pointer }
button:hover, .button:hover { border-color: currentColor }
button:disabled { opacity: .5; cursor: wait }
p.said { margin: .5rem 0; padding: .5rem .8rem; border-radius: .4rem; background: var(--calm-paper) }
p.bad { background: var(--bad-paper); color: var(--bad) }
table { width: 100%; margin-top: .5rem; border-collapse: collapse; background: var(--card) }
th, td { padding: .4rem .7rem; border: solid var(--line); border-width: 1px 0; text-align: left }
td.name { min-width: 10rem }
td.action { white-space: nowrap }
td.action button, td.action a { margin: .1rem .3rem .1rem 0 }
td.status span { padding: .1rem .6rem; border-radius: 1rem; background: var(--calm-paper) }
td.status .statusrunning { background: var(--good-paper); color: var(--good) }
td.status .statuserror { background: var(--bad-paper); color: var(--bad) }
pre { margin: .5rem 0; padding: .8rem; background: var(--card); border: 1px solid var(--line);
  font: .85rem/1.4 ui-monospace, monospace; white-space: pre-wrap }
footer { margin-top: 1rem; font-size: .85rem }
@media (max-width: 60rem) {
  table, tbody { display: block; background: none }
  thead { display: none }
  tr { display: grid; grid-template-columns: 1fr auto; gap: .4rem; margin: .6rem 0; padding: .7rem;
    border: 1px solid var(--line); border-radius: .6rem; background: var(--card) }
  td { border: 0; padding: 0; min-width: 0 }
  td.name { order: -1; font-size: 1.1rem; font-weight: 600 }
  td.desc, td.action { grid-column: 1 / -1 }
  td.action { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem }
  td.action button { flex: 1; margin: 0; padding: .6rem .5rem } }
"""

STATUS_SCRIPT = """
"use strict";
const PAUSE = 1000;
const at = path => new URL(path, location.origin + location.pathname);
const part = id => document.getElementById(id);
let looking = false, timer = 0;

function say(id, text) { part(id).textContent = text; part(id).hidden = !text; }

async function renew(reply, ...ids) {
  const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
  for (const id of ids) if (fresh.getElementById(id)) part(id).replaceWith(fresh.getElementById(id));
}

function fill(row, [state, look, description, actions]) {
  const [badge, words] = row.querySelectorAll("span");
  if (badge.textContent !== state) { badge.textContent = state; badge.className = look; }
  if (words.textContent !== description) words.textContent = description;
  for (const button of row.querySelectorAll("button")) button.hidden = !actions.includes(button.value);
}

async function look() {
  const reply = await fetch(at("status.json"));
  if (!reply.ok) throw new Error(`the daemon answers ${reply.status} ${reply.statusText}`);
  const now = await reply.json();
  if (now.page !== part("programs").dataset.page) return renew(await fetch(at("index.html")), "programs");
  part("programs").querySelectorAll("tbody tr").forEach((row, number) => fill(row, now.rows[number]));
}

async function turn() {
  clearTimeout(timer);
  if (looking || document.visibilityState !== "visible") return;
  looking = true;
  try { await look(); say("lost", ""); }
  catch (error) { say("lost", `What you see is old: ${error.message}`); }
  looking = false;
  timer = setTimeout(turn, PAUSE);
}

document.addEventListener("submit", async event => {
  event.preventDefault();
  const button = event.submitter, body = new URLSearchParams(new FormData(event.target));
  body.set(button.name, button.value);
  button.disabled = true;
  try {
    const where = button.getAttribute("formaction") || event.target.getAttribute("action");
    await renew(await fetch(at(where), {method: "POST", body}), "message", "programs");
  } catch (error) { say("message", `No answer: ${error.message}`); }
  button.disabled = false;
});
document.addEventListener("visibilitychange", turn);
turn();
"""

TAIL_SCRIPT = """
"use strict";
const PAUSE = 1000, PATIENCE = 30000, MOST = 2000000;
const log = document.querySelector("pre"), live = document.getElementById("live");
let following = null, timer = 0;

function add(text) {
  const scroller = document.scrollingElement;
  const atEnd = scroller.scrollTop + innerHeight >= scroller.scrollHeight - 8;
  log.append(text);
  for (let held = log.textContent.length; held > MOST && log.childNodes.length > 1;) {
    held -= log.firstChild.length;
    log.firstChild.remove();
  }
  if (atEnd) scroller.scrollTop = scroller.scrollHeight;
}

async function follow() {
  clearTimeout(timer);
  if (following || document.visibilityState !== "visible") return;
  following = new AbortController();
  let why = "the log has ended";
  try {
    const url = new URL(log.dataset.follow, location.origin + location.pathname);
    const reply = await fetch(url, {signal: following.signal});
    if (reply.ok) {
      const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
      log.textContent = "";
      live.textContent = "live";
      // What is left of a character that was cut before the first byte is not shown.
      for (let piece = await reader.read(), first = true; !piece.done; piece = await reader.read(), first = false)
        add(first ? piece.value.replace(/^\\ufffd+/, "") : piece.value);
    } else why = reply.status === 404 ? "no log yet" : `the daemon answers ${reply.status}`;
  } catch (error) { why = error.message; }
  live.textContent = `not live: ${why}`;
  following = null;
  timer = setTimeout(follow, PAUSE);
}

// Who looks elsewhere for long does not keep the daemon awake.
let leaving = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(leaving);
  if (document.visibilityState === "visible") follow();
  else leaving = setTimeout(() => following && following.abort(), PATIENCE);
});
document.scrollingElement.scrollTop = document.scrollingElement.scrollHeight;
if (log.dataset.follow) follow();
"""


class Row(NamedTuple):
    """What the page says about a process.

    Attributes:
        name: as clients call it.
        state: in lower case.
        look: its class; supervisord's names.
        description: as `status` shows it.
        actions: those of `BUTTONS` that make sense now.
        logs: the channels that have a log file.
    """

    name: str
    state: str
    look: str
    description: str
    actions: tuple[str, ...]
    logs: tuple[str, ...]


def escape(text: str) -> str:
    """Text as it may stand between tags and in an attribute with double quotes."""
    return xmlrpc.escape(text).replace('"', "&quot;")


def quoted(text: str) -> str:
    """Text as it may stand in a part of a path or of a query."""
    return quote(text, safe="")


# --- parts ----------------------------------------------------------------------------------------------------------


def row(shown: Row) -> str:
    """The row of a process."""
    where, name = quoted(shown.name), escape(shown.name)
    buttons = "".join(
        f'<button name="action" value="{action}" formaction="index.html?processname={where}"'
        f"{'' if action in shown.actions else ' hidden'}>{word}</button>\n"
        for action, word in BUTTONS.items()
    )
    tails = "".join(
        f'<a href="{tail_link(shown.name, channel, LINKED)}">Tail -f {channel.capitalize()}</a>\n'
        for channel in shown.logs
    )
    return (
        f'<tr><td class="status"><span class="{shown.look}">{shown.state}</span></td>'
        f'<td class="name"><a href="tail.html?processname={where}">{name}</a></td>'
        f'<td class="desc"><span>{escape(shown.description)}</span></td>'
        f'<td class="action">{buttons}{tails}</td></tr>\n'
    )


def tail_link(name: str, channel: str, limit: int) -> str:
    """Where the log of a process is shown, as it may stand in an attribute."""
    return f"tail.html?processname={quoted(name)}&amp;channel={channel}&amp;limit={limit}"


def _token(token: str) -> str:
    return f'<input type="hidden" name="token" value="{token}">\n'


def _said(id: str, text: str, look: str = "") -> str:
    return f'<p id="{id}" class="said {look}" role="status"{"" if text else " hidden"}>{escape(text)}</p>\n'


def _heading(words: str, about: str, more: str = "") -> str:
    return f"<header><h1>{escape(words)} <small>{escape(about)}</small></h1>{more}</header>\n"


# --- pages ----------------------------------------------------------------------------------------------------------


def status(rows: Iterable[str], page: str, token: str, identifier: str, message: str, ending: str) -> str:
    """The status page.

    Args:
        rows: what `row` gave.
        page: changes with everything that `status.json` does not tell.
        token: what its buttons must send.
        identifier: of the daemon.
        message: what an action had to say.
        ending: why there are no actions any more; empty as long as there are.
    """
    top = "".join(f'<button name="action" value="{action}">{word}</button>\n' for action, word in TOP.items())
    content = "".join(rows)
    table = (
        "<table><thead><tr><th>State</th><th>Name</th><th>Description</th><th>Action</th></tr></thead>\n"
        f"<tbody>\n{content}</tbody></table>\n"
    )
    nav = f'<nav>\n<a class="button" href="index.html?action=refresh">Refresh</a>\n{"" if ending else top}</nav>\n'
    return (
        f'{_said("message", message)}{_said("lost", "", "bad")}<main id="programs" data-page="{page}">\n'
        f'<form action="index.html" method="post">\n{_token(token)}{_heading("Supervisor Status", identifier, nav)}'
        f"{_said('ending', ending, 'bad')}{table if content else '<p>No programs to manage</p>'}</form>\n</main>\n"
        f"<footer>minisup {__version__}, as supervisor {SUPERVISORD_VERSION}</footer>\n"
    )


def tail(name: str, channel: str, limit: int, most: int, content: str, followed: bool) -> str:
    """The page of a log; `content` is escaped already."""
    links = ""
    if name:
        other = "stdout" if channel == "stderr" else "stderr"
        links = f'<a class="button" href="{tail_link(name, channel, limit)}">Refresh</a>\n'
        if limit < most:
            links += f'<a class="button" href="{tail_link(name, channel, min(most, limit * 16))}">More</a>\n'
        links += f'<a class="button" href="{tail_link(name, other, limit)}">{other.capitalize()}</a>\n'
        links += f'<a class="button" href="logtail/{quoted(name)}/{channel}">Raw</a>\n'
    follow = f' data-follow="logtail/{quoted(name)}/{channel}?limit={limit}"' if followed else ""
    nav = f'<nav>\n<span id="live" class="soft"></span>\n{links}<a class="button" href="index.html">Status</a>\n</nav>'
    return f"{_heading(name, channel if name else '', nav)}<pre{follow}>\n{content}</pre>\n"


def question(action: str, name: str, token: str) -> str:
    """Asks whether an action that came by a link is meant."""
    word = {**BUTTONS, **TOP}[action]
    where = f"index.html?processname={quoted(name)}" if name else "index.html"
    return (
        f'{_heading(f"{word}?", name)}<form action="{where}" method="post">\n{_token(token)}'
        f'<p>You followed a link, and a link does nothing by itself.</p>\n<nav><button name="action" value="{action}">'
        f'{word}</button>\n<a class="button" href="index.html">Back</a></nav>\n</form>\n'
        '<p class="soft">For scripts: nothing was done. Use XML-RPC or supervisorctl, or say get_actions=true in the '
        "section of this server.</p>\n"
    )


def refusal(why: str) -> str:
    """Says why something was not done."""
    return (
        f"{_heading('Supervisor Status', '')}{_said('message', why, 'bad')}"
        '<nav><a class="button" href="index.html">Back</a></nav>\n'
    )


@lru_cache(maxsize=4)
def _fields(script: str) -> str:
    """Header lines of a page with this script."""

    def allowed(text: str) -> str:
        digest = hashlib.sha256(text.encode()).digest()
        return f"'sha256-{binascii.b2a_base64(digest, newline=False).decode()}'" if text else "'none'"

    policy = [
        "default-src 'none'",
        f"script-src {allowed(script)}",
        f"style-src {allowed(STYLE)}",
        "img-src data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    return (
        f"{NOT_KEPT}Content-Security-Policy: {'; '.join(policy)}\r\n"
        # Not `no-referrer`: with it the forms of the page itself would come from the origin "null".
        "Referrer-Policy: same-origin\r\n" + NOT_GUESSED
    )


def document(title: str, content: str, script: str = "", status: int = 200, fields: str = "") -> Body:
    """A whole page."""
    code = f"<script>{script}</script>\n" if script else ""
    text = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{content}{code}</body>\n</html>\n"
    )
    return Body(TYPE, text.encode(errors="replace"), status, _fields(script) + fields)
