// What pages need of passkeys (WebAuthn Level 3) and of this server: no more.

export const passkeys = "PublicKeyCredential" in window;

// post sends JSON and returns the answer's JSON. It throws an Error whose message
// may be shown.
export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
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

function bytes(text) {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

function text(buffer) {
  let s = "";
  for (const b of new Uint8Array(buffer)) s += String.fromCharCode(b);
  return btoa(s).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

const listed = (list) => (list || []).map((c) => ({ ...c, id: bytes(c.id) }));

// sign has a passkey of this site sign the challenge of the options.
export async function sign(options) {
  const got = await navigator.credentials.get({
    publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: listed(options.allowCredentials) },
  });
  return {
    id: got.id, rawId: text(got.rawId), type: got.type,
    response: {
      authenticatorData: text(got.response.authenticatorData),
      clientDataJSON: text(got.response.clientDataJSON),
      signature: text(got.response.signature),
    },
  };
}

// create makes a passkey for this site.
export async function create(options) {
  const made = await navigator.credentials.create({
    publicKey: {
      ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: listed(options.excludeCredentials),
    },
  });
  return {
    id: made.id, rawId: text(made.rawId), type: made.type,
    response: { attestationObject: text(made.response.attestationObject), clientDataJSON: text(made.response.clientDataJSON) },
  };
}

// act runs what a form is for when it is submitted, and shows what went wrong.
export function act(form, work) {
  const message = document.querySelector("[data-message]");
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
