import { hex } from "./bytes.js";
import * as code from "./code.js";
import { here, moment, show, span } from "./home.js";
import { act, create, passkeys, post } from "./passkey.js";

const find = (name) => document.querySelector(`[data-${name}]`);

act(find("recover"), async (values) => {
  if (!passkeys) throw new Error("This browser knows no passkeys. Use another one.");
  const secret = hex(await code.opening(code.parse(values.get("code"), code.recovery), here.member));
  const { publicKey } = await post("/portal/recovery/options", { secret });
  const response = await create(publicKey);
  const { until } = await post("/portal/recovery", { secret, name: values.get("name") || "", response });
  find("recover").reset();
  wait(until);
});

// wait counts down. The hospital goes by the time of the ledger, so that it can
// take a little longer.
function wait(until) {
  find("until").textContent = moment(until);
  show(find("waits"), find("begin"));
  const tick = () => {
    const left = until - Date.now();
    find("left").textContent = left > 0 ? `Still ${span(left)}.` : "The time is over. If you are not let in yet, try again in a minute.";
    find("enter").hidden = left > 0;
    if (left > 0) setTimeout(tick, Math.min(left, left > 120_000 ? 30_000 : 1000));
  };
  tick();
}

act(find("stop"), async (values) => {
  const typed = code.parse(values.get("stop"), code.stop);
  const marks = [];
  for (const m of here.members) marks.push(hex(await code.mark(typed, here.network, m.id)));
  for (let at = 0; at < marks.length; at += 64) await post("/marks", { marks: marks.slice(at, at + 64) });
  find("stop").reset();
  find("stopped").hidden = false;
});
