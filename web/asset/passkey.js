// What pages need of passkeys (WebAuthn Level 3) and of this server: no more.

import { base64url, random, unbase64url, utf8 } from "./bytes.js";

export const passkeys = "PublicKeyCredential" in window;

// post sends JSON and returns the answer's JSON. It throws an Error whose message
// may be shown.
export const post = (path, body) => call("POST", path, body);

// call is post with another method; undefined sends no body.
export async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "same-origin",
    cache: "no-store",
  });
  const text = await answer.text();
  const value = text ? JSON.parse(text) : {};
  if (!answer.ok) {
    const failure = new Error([value.title, value.hint].filter(Boolean).map(sentence).join(" ") || "That did not work.");
    failure.code = value.code;
    throw failure;
  }
  return value;
}

function sentence(text) {
  const s = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(s) ? s : s + ".";
}

const encoded = (buffer) => base64url(new Uint8Array(buffer));

const listed = (list) => (list || []).map((c) => ({ ...c, id: unbase64url(c.id) }));

// sign has a passkey of this site sign the challenge of the options.
export async function sign(options) {
  const got = await navigator.credentials.get({
    publicKey: { ...options, challenge: unbase64url(options.challenge), allowCredentials: listed(options.allowCredentials) },
  });
  return {
    id: got.id, rawId: encoded(got.rawId), type: got.type,
    response: {
      authenticatorData: encoded(got.response.authenticatorData),
      clientDataJSON: encoded(got.response.clientDataJSON),
      signature: encoded(got.response.signature),
    },
  };
}

// evaluate has a passkey of this site say which one it is, and give 32 secret bytes
// that follow from it and the label (WebAuthn Level 3, 10.1.4): null where the
// device can give none.
export async function evaluate(label) {
  const got = await navigator.credentials.get({
    publicKey: { challenge: random(32), userVerification: "required", allowCredentials: [], extensions: { prf: { eval: { first: utf8(label) } } } },
  });
  const first = got.getClientExtensionResults().prf?.results?.first;
  return { id: got.id, secret: first ? new Uint8Array(first) : null };
}

// create makes a passkey for this site, one that can give secrets where the device
// knows how.
export async function create(options) {
  const made = await navigator.credentials.create({
    publicKey: {
      ...options, challenge: unbase64url(options.challenge), user: { ...options.user, id: unbase64url(options.user.id) },
      excludeCredentials: listed(options.excludeCredentials), extensions: { prf: {} },
    },
  });
  return {
    id: made.id, rawId: encoded(made.rawId), type: made.type,
    response: { attestationObject: encoded(made.response.attestationObject), clientDataJSON: encoded(made.response.clientDataJSON) },
  };
}

// act runs what a form is for when it is submitted, and shows what went wrong.
export function act(form, work) {
  const message = form.querySelector("[data-message]") || document.querySelector("[data-message]");
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    message.hidden = true;
    button.disabled = true;
    try {
      await work(new FormData(form));
    } catch (failure) {
      message.textContent = said(failure);
      message.hidden = false;
    }
    button.disabled = false;
  });
}

function said(failure) {
  switch (failure.name) {
    case "NotAllowedError":
    case "AbortError":
      return "No passkey was used. Try again when you are ready.";
    case "InvalidStateError":
      return "This device has a passkey for this hospital already.";
    case "SecurityError":
      return "This page was opened at an address that is not the hospital's.";
  }
  return failure.message;
}
