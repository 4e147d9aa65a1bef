// What the pages of a signed-in patient share.

import { unhex } from "./bytes.js";
import { act, call } from "./passkey.js";

const place = document.querySelector("[data-home]");

// here is this hospital, its network, and how it knows who is signed in.
export const here = place && {
  member: place.dataset.home, network: unhex(place.dataset.network), subject: place.dataset.subject, members: JSON.parse(place.dataset.members),
};

// element makes an element with text, never with markup.
export function element(name, text, kind) {
  const e = document.createElement(name);
  if (text) e.textContent = text;
  if (kind) e.className = kind;
  return e;
}

export const moment = (ms) => new Date(ms).toLocaleString(undefined, { dateStyle: "long", timeStyle: "short" });

// span says a length of time in words.
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  const say = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;
  if (s < 60) return say(s, "second");
  if (s < 3600) return say(Math.round(s / 60), "minute");
  if (s < 48 * 3600) return say(Math.round(s / 3600), "hour");
  return say(Math.round(s / 86400), "day");
}

// show has one of several parts of a page seen.
export function show(part, ...others) {
  for (const o of others) o.hidden = true;
  part.hidden = false;
  part.querySelector("h2")?.focus();
}

export const recoveries = () => call("GET", "/portal/recovery");

// warn tells of recoveries that wait, and lets her stop them.
export async function warn(box) {
  const waiting = (await recoveries()).recoveries.filter((r) => r.state === "waiting");
  box.hidden = waiting.length === 0;
  if (box.hidden) return;
  const [first] = waiting;
  box.querySelector("[data-when]").textContent = first.until ? moment(first.until) : "soon";
  box.querySelector("[data-device]").textContent = first.device || "no name";
}

const box = document.querySelector("[data-waiting]");
if (box) {
  warn(box).catch(() => {});
  act(box.querySelector("form"), async () => {
    await call("DELETE", "/portal/recovery");
    location.reload();
  });
}
