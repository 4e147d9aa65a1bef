import { base64, base64url, hex, sha256 } from "./bytes.js";
import * as code from "./code.js";
import { here, recoveries, show, span } from "./home.js";
import { act, call, sign } from "./passkey.js";

const find = (name) => document.querySelector(`[data-${name}]`);

const usual = 72 * 3600 * 1000;

let kit = null;

async function state() {
  const { recoveries: all, least } = await recoveries();
  const ready = all.some((r) => r.state === "quiet" && r.by === "deposit");
  find("ready").hidden = !ready;
  find("none").hidden = ready;
  find("used").hidden = !all.some((r) => r.state === "effective" || r.state === "cancelled");
  const delays = [...new Set([least, usual, 7 * 24 * 3600 * 1000])].filter((d) => d >= least).sort((a, b) => a - b);
  document.querySelector("#delay").replaceChildren(...delays.map((d) => {
    const o = new Option(span(d) + (d === usual ? " (usual)" : ""), d);
    o.selected = d === Math.max(usual, least);
    return o;
  }));
}

// The codes are made here; the hospital gets images of what follows from them.
act(find("make"), async () => {
  kit = { stop: code.make(code.stop), recovery: code.make(code.recovery) };
  find("stop-code").textContent = code.print(kit.stop);
  find("recovery-code").textContent = code.print(kit.recovery);
  show(find("paper"), find("begin"));
});

find("print").addEventListener("click", () => window.print());

act(find("keep"), async (values) => {
  const typed = values.get("group").toUpperCase().trim();
  if (typed !== code.print(kit.recovery).slice(-5)) throw new Error("This is not the last group of the recovery code. Compare it with your paper.");
  const deposit = code.deposit({
    network: here.network, custodian: here.member, subject: here.subject, delay: Number(values.get("delay")), issued: Date.now(),
    open: await sha256(await code.opening(kit.recovery, here.member)), cancel: await sha256(await code.cancelling(kit.recovery, here.member)),
  });
  const assertion = await sign({ challenge: base64url(await code.challenge(deposit)), userVerification: "required" });
  const image = await sha256(await code.mark(kit.stop, here.network, here.member));
  await call("PUT", "/portal/recovery/deposit", { deposit: base64(deposit), assertion, kit: hex(image) });
  kit = null;
  find("stop-code").textContent = find("recovery-code").textContent = "";
  find("keep").reset();
  await state();
  show(find("begin"), find("paper"));
});

state().catch((failure) => {
  find("message").textContent = failure.message;
  find("message").hidden = false;
});
