import { base64, base64url, concat, hex, hmac, random, same, sha256, unbase64, unhex, utf8 } from "./bytes.js";
import { element, here, moment, recoveries, show } from "./home.js";
import { act, call, evaluate, post, sign } from "./passkey.js";
import * as slip from "./slip.js";

const find = (name) => document.querySelector(`[data-${name}]`);

// stopLabel is what her passkey is asked for a secret with. From it and the salt of
// a slip follows what stops that slip.
const stopLabel = "cairn/slip/stop/v1";

const stopSecret = (secret, salt) => hmac(secret, concat(utf8("cairn/slip/stop-secret/v1\0"), salt));

let draft = null;

act(find("wish"), async (values) => {
  draft = await post("/portal/drafts", {
    says: values.get("says"), grantee: values.get("grantee"), what: values.get("what"), purposes: [values.get("purpose")].filter(Boolean), days: Number(values.get("days")),
  });
  if (draft.custodian !== here.member || draft.subject !== here.subject || !same(unhex(draft.network), here.network)) throw new Error("This decision is for another hospital.");
  find("text").textContent = draft.text;
  show(find("review"), find("choose"));
});

find("back").addEventListener("click", () => show(find("choose"), find("review")));

// The text whose hash is signed is the one that stands on the page.
act(find("sign"), async () => {
  const kit = await kitImage();
  const from = await evaluate(stopLabel);
  if (!from.secret && !kit) {
    throw new Error("This device cannot keep what would stop this decision. Make a recovery kit first: its stop code does.");
  }
  const salt = random(32);
  const secret = from.secret ? await stopSecret(from.secret, salt) : random(32);
  const encoded = slip.encode({
    network: here.network, custodian: draft.custodian, subject: draft.subject, grantee: draft.grantee, terms: unbase64(draft.terms),
    textHash: await sha256(utf8(find("text").textContent)), salt, stopImage: await sha256(secret), kitImage: kit || new Uint8Array(32), issued: draft.issued,
  });
  const assertion = await sign({
    challenge: base64url(await slip.root(encoded, salt)), userVerification: "required", allowCredentials: [{ type: "public-key", id: from.id }],
  });
  const kept = await post("/portal/consents", { slip: base64(encoded), path: base64(slip.path()), assertion });
  if (kept.commitment !== hex(await slip.commitment(encoded, salt))) throw new Error("The hospital answered about something else than was signed.");
  draft = null;
  show(find("choose"), find("review"));
  find("wish").reset();
  await list();
  find("list").scrollIntoView();
});


// kitImage is what lets her printed kit stop what she signs, null without a kit.
async function kitImage() {
  const kits = (await recoveries()).recoveries.filter((r) => r.kit);
  const kit = kits.find((r) => r.state === "quiet") || kits[0];
  return kit ? unhex(kit.kit) : null;
}

async function list() {
  const { consents } = await call("GET", "/portal/consents");
  const all = consents.reverse().map(shown);
  find("list").replaceChildren(...(all.length ? all : [element("p", "You have decided nothing here yet. The rules of the hospital hold.")]));
}

function shown(c) {
  const item = element("article", "", "decision");
  const over = c.ends && c.ends <= Date.now();
  const state = element("p", c.stopped ? "Stopped" : over ? "Over" : "Holds", c.stopped || over ? "state" : "state state-good");
  const first = element("h3", c.text.includes("You say NO") ? `No to ${nameOf(c.grantee)}` : `Yes to ${nameOf(c.grantee)}`);
  const more = element("details");
  more.append(element("summary", "What you signed, " + moment(c.issued)), element("pre", c.text, "text"));
  item.append(state, first, element("p", c.text.match(/^ {2}Records: +(.*)$/m)?.[1], "small"), more);
  if (!c.stopped && !over) item.append(stopForm(c));
  return item;
}

const nameOf = (id) => here.members.find((m) => m.id === id)?.name || id || "everybody";

function stopForm(c) {
  const form = element("form");
  const button = element("button", "Stop this", "button button-warn");
  button.type = "submit";
  const message = element("p", "", "message");
  message.hidden = true;
  message.dataset.message = "";
  message.setAttribute("role", "alert");
  form.dataset.stop = c.commitment;
  form.append(button, message);
  act(form, async () => {
    const { slip: text } = await call("GET", "/portal/consents/" + c.commitment);
    const { salt, stopImage } = slip.secrets(unbase64(text));
    const { secret } = await evaluate(stopLabel);
    const mark = secret && await stopSecret(secret, salt);
    if (!mark || !same(await sha256(mark), stopImage)) {
      throw new Error("This was signed with another device. Stop it there, or with the stop code of your kit, on the page for lost devices.");
    }
    await post("/marks", { marks: [hex(mark)] });
    await list();
  });
  return form;
}

// A closure of nothing in particular, "no" for any purpose, is what most mean by no.
for (const says of document.querySelectorAll("[name=says]")) {
  says.addEventListener("change", () => {
    const no = document.querySelector("[name=says]:checked").value === "no";
    const any = document.querySelector("#purpose option[value='']");
    any.disabled = !no;
    document.querySelector("#purpose").value = no ? "" : "TREAT";
    document.querySelector("#days").value = no ? "0" : "30";
  });
}

list().catch((failure) => find("list").replaceChildren(element("p", failure.message, "message")));
