// Judging with one key. Without this script every form works too, with one page for each verdict.
"use strict";

const AHEAD = 2, EVERY = 1500;  // pages loaded ahead, and milliseconds between two requests for the verdicts of others
const KEPT = 8;  // pages, including those that another tab has judged in the meantime
const PAST = { accept: "Accepted", deny: "Denied", unsure: "Unsure", skip: "Skipped" };
const KEYS = { d: "deny", a: "accept", u: "unsure", s: "skip" };

const one = (selector, within = document) => within.querySelector(selector);
const body = document.body;
const ready = new Map();  // address -> promise of a page
const judged = new Set();  // addresses of the statements that this person has judged since, in this or another tab
let recorded = Promise.resolve();  // requests that change something, one after the other
let waiting = 0, begun = 0;  // how many of them are not answered yet, and how many were sent
let shown = 0;  // how many statements this tab has shown: with it, a late answer is recognised

const statement = () => one("#judge");
const say = text => { const place = one("#status"); place.textContent = ""; setTimeout(() => { place.textContent = text; }, 30); };
const trouble = text => { one("#trouble").textContent = text; };
const keysOn = () => { try { return localStorage.getItem("gnnneg-keys") !== "off"; } catch { return true; } };

async function sent(address, fields) {
  const answer = await fetch(address, {
    method: "POST", body: JSON.stringify(fields), keepalive: true,
    headers: { "Content-Type": "application/json", "Accept": "application/json" },
  });
  const found = await answer.json().catch(() => ({ detail: "The server's answer cannot be read." }));
  if (!answer.ok) throw new Error(found.detail);
  return found;
}

function inTurn(work) {
  waiting += 1;
  begun += 1;
  const done = recorded.then(work).finally(() => { waiting -= 1; });
  recorded = done.catch(() => {});
  return done;
}

function count(done) {
  const bar = one("#progress");
  if (!bar) return;
  bar.value = done;
  one("#judged").textContent = done.toLocaleString("en-US");
}

async function following(main) {
  let next = main.dataset.next || "";
  while (judged.has(next)) next = (await page(next)).main.dataset.next;
  return next;
}

async function fetched(address) {
  const answer = await fetch(address, { headers: { "Accept": "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = one("main", page);
  if (!main) throw new Error("The server's answer cannot be read.");
  return { main, title: page.title, address: answer.redirected ? answer.url : address };
}

function page(address) {
  if (!ready.has(address)) {
    const promise = fetched(address);
    ready.set(address, promise);
    if (ready.size > KEPT) ready.delete(ready.keys().next().value);
    promise.catch(() => ready.delete(address));
  }
  return ready.get(address);
}

// the address of a queue shows another statement each time, so it cannot be loaded ahead
const keeps = address => Boolean(address) && new URL(address, location).pathname === "/statement";

async function prepare() {
  let main = one("main");
  const start = shown;
  for (let i = 0; i < AHEAD && main; i++) {
    const next = main.dataset.next;
    if (!keeps(next)) return;
    main = (await page(next).catch(() => ({}))).main;
    if (shown !== start) return;
  }
}

async function turn(address, { push = true, said = "" } = {}) {
  shown += 1;
  const mine = shown;
  let found;
  try {
    found = await (keeps(address) ? page(address) : recorded.then(() => fetched(address)));
  } catch (error) {  // an unrecorded verdict is more important
    if (!one("#trouble").textContent) trouble(`The page cannot be reached: ${error.message}`);
    return;
  }
  if (mine !== shown) return;
  ready.delete(address);
  one("main").replaceWith(document.importNode(found.main, true));
  document.title = found.title;
  if (push) history.pushState(null, "", found.address);
  scrollTo(0, 0);
  marked();
  const heading = one("main h1");
  if (heading) heading.focus({ preventScroll: true });
  say([said, heading ? heading.textContent.replace(/\s+/g, " ").trim() : "", (one("#place") || {}).textContent || ""].filter(Boolean).join(". "));
  prepare();
}

function marked() {
  const form = statement(), queue = form ? form.queue.value : one("main").dataset.queue || "";
  for (const tab of document.querySelectorAll(".tabs a")) {
    if (tab.dataset.queue === queue) tab.setAttribute("aria-current", "page"); else tab.removeAttribute("aria-current");
  }
}

function judge(verdict) {
  const form = statement();
  if (!form) return;
  const { head, relation, tail, queue, why } = form;
  const fields = { head: head.value, relation: relation.value, tail: tail.value, queue: queue.value, why: why.value, verdict };
  const main = one("main"), title = document.title, back = location.href, own = main.dataset.own;
  judged.add(own);
  trouble("");
  const bar = one("#progress"), sum = bar ? bar.value + (bar.dataset.mine === "true" ? 0 : 1) : 0;
  const done = inTurn(() => sent("/api/verdicts", fields));
  done.then(() => live(), error => {  // back to the statement, with what was written
    judged.delete(own);
    if (one("main") !== main) {
      shown += 1;
      one("main").replaceWith(main);
      document.title = title;
      history.pushState(null, "", back);
      marked();
    }
    trouble(`Not recorded: ${error.message}`);
  });
  if (!main.dataset.next) { done.then(() => say(PAST[verdict]), () => {}); return; }
  following(main).then(next => turn(next, { said: PAST[verdict] })).then(() => {
    if (waiting) count(sum);  // the page was loaded before this verdict
  }, error => trouble(`The page cannot be reached: ${error.message}`));
}

async function undo() {
  trouble("");
  try {
    const { row } = await inTurn(() => sent("/api/undo", {}));
    ready.clear();
    judged.delete(row.url);
    await turn(row.url, { said: `Taken back: ${PAST[row.verdict] || row.verdict}` });
  } catch (error) {
    trouble(error.message);
  }
}

async function note() {
  const form = statement(), { head, relation, tail, queue, why } = form;
  if (!why.value.trim()) { why.focus(); return; }
  const fields = { head: head.value, relation: relation.value, tail: tail.value, queue: queue.value, why: why.value, verdict: "note" };
  try {
    await inTurn(() => sent("/api/verdicts", fields));
    why.value = "";
    one("main h1").focus();
    say("Note saved");
    live();
  } catch (error) {
    trouble(`Not recorded: ${error.message}`);
  }
}

function move(which) {
  const link = one(`main a[rel=${which}]`);
  trouble("");
  if (link) turn(link.getAttribute("href"));
}

function help() {
  const dialog = one("#help");
  if (dialog.open) dialog.close(); else dialog.showModal();
}

// ---- verdicts of others

let looking = false;
async function live() {
  if (looking || document.hidden) return;
  looking = true;
  const form = statement(), mine = shown, before = begun;
  const main = one("main"), asked = new URLSearchParams({ after: body.dataset.last, seen: main.dataset.last || body.dataset.last });
  if (form) for (const name of ["head", "relation", "tail", "queue"]) asked.set(name, form[name].value);
  try {
    const answer = await fetch(`/live?${asked}`, { headers: { "Accept": "application/json" } });
    if (!answer.ok) return;
    const now = await answer.json();
    body.dataset.last = now.last;
    for (const address of now.mine) judged.add(address);
    for (const address of now.back) { judged.delete(address); ready.clear(); }
    for (const [queue, left] of Object.entries(now.left)) {
      for (const place of document.querySelectorAll("[data-left]")) if (place.dataset.left === queue) place.textContent = left;
    }
    if (now.news.length) one("#news").textContent = now.news.join(" ");
    if (mine !== shown) return;
    if (now.judged !== null && !waiting && before === begun) count(now.judged);
    main.dataset.last = now.last;
    if (now.said !== null) one("#said").innerHTML = now.said;
  } catch { /* the server may have ended: the next verdict shows it */ } finally { looking = false; }
}

// ---- events

document.addEventListener("keydown", event => {
  const writing = event.target.id === "why";
  if (writing && event.ctrlKey && event.key === "Enter") { event.preventDefault(); note(); return; }
  if (writing && event.key === "Escape") { one("main h1").focus(); return; }
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (!(event.target instanceof Element) || event.target.closest("input, textarea, select, [contenteditable]")) return;
  if (event.key === "?") { event.preventDefault(); help(); return; }
  if (one("#help").open || !keysOn()) return;
  // on a keyboard with another alphabet: the key at the position of the letter
  const key = /^[\x20-\x7e]$/.test(event.key) ? event.key.toLowerCase() : event.code.startsWith("Key") ? event.code[3].toLowerCase() : event.key;
  const act = key === "z" ? undo : !statement() ? null : KEYS[key] ? () => judge(KEYS[key]) : {
    n: () => one("#why").focus(), ArrowLeft: () => move("prev"), ArrowRight: () => move("next"),
  }[key];
  if (!act) return;
  event.preventDefault();
  act();
});

document.addEventListener("submit", event => {
  const form = event.target, chosen = event.submitter && event.submitter.value;
  if (form.id === "judge" && (KEYS[chosen[0]] === chosen || chosen === "note")) {
    event.preventDefault();
    if (chosen === "note") note(); else judge(chosen);
  } else if (form.id === "undo") {
    event.preventDefault();
    undo();
  }
});

document.addEventListener("click", event => {
  if (event.target.closest("[data-help]")) { event.preventDefault(); help(); }
  const link = event.target.closest("main a[rel=prev], main a[rel=next]");
  if (link && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); turn(link.getAttribute("href")); }
});

addEventListener("popstate", () => turn(location.href, { push: false }));

document.addEventListener("change", event => {
  if (event.target.id === "keys") try { localStorage.setItem("gnnneg-keys", event.target.checked ? "on" : "off"); } catch { /* not kept */ }
});

const here = new URL(location);
if (here.searchParams.has("token")) {  // the cookie has it now, so remove it from the visible address
  here.searchParams.delete("token");
  history.replaceState(null, "", here);
}
for (const place of document.querySelectorAll("[data-script]")) place.hidden = false;
one("#keys").checked = keysOn();
setInterval(live, EVERY);
document.addEventListener("visibilitychange", live);
prepare();
