import { act, create, passkeys, post } from "./passkey.js";

const form = document.querySelector("[data-register]");
act(form, async (values) => {
  if (!passkeys) throw new Error("This browser knows no passkeys. Use another one.");
  const { publicKey } = await post("/portal/passkeys/options", { code: values.get("code") });
  const response = await create(publicKey);
  await post("/portal/passkeys", { name: values.get("name") || "", response });
  location.replace("/signin?return=" + encodeURIComponent(form.dataset.return));
});
