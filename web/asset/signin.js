import { act, call, passkeys, post, sign } from "./passkey.js";

const into = document.querySelector("[data-signin]");
if (into) {
  act(into, async (values) => {
    if (!passkeys) throw new Error("This browser knows no passkeys. Use another one.");
    const { nonce, publicKey } = await post("/signin/options", {});
    const assertion = await sign(publicKey);
    const done = await post("/signin", { nonce, assertion, role: values.get("role") || "", return: into.dataset.return });
    location.replace(done.return);
  });
}

const out = document.querySelector("[data-signout]");
if (out) {
  act(out, async () => {
    await post("/signout", {});
    location.replace("/signin");
  });
}

const others = document.querySelector("[data-others]");
if (others) {
  act(others, async () => {
    await call("DELETE", "/portal/sessions");
    document.querySelector("[data-ended]").hidden = false;
  });
}
