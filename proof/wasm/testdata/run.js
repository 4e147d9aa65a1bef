// Runs the verifier as a page would: node run.js WASM_EXEC WASM VECTORS ROUNDS
// Prints JSON: the verdict for each line of verdicts.json, with the content
// given as bytes and as text, and the mean time of a verification.
"use strict";
const fs = require("fs");
const path = require("path");
const util = require("util");

const [wasmExec, wasm, vectors, rounds] = process.argv.slice(2);
require(wasmExec);

const read = (name) => (name === "" ? null : fs.readFileSync(path.join(vectors, name)));
const bytes = (buffer) => buffer && new Uint8Array(buffer);
const text = (buffer) => buffer && buffer.toString("utf8");

function all() {
  const out = { verdicts: [], odd: [] };
  for (const line of JSON.parse(read("verdicts.json"))) {
    const bundle = read(line.bundle);
    const trust = read(line.trust);
    const verdict = cairnVerify(bytes(bundle), bytes(trust));
    const same = util.isDeepStrictEqual(verdict, cairnVerify(text(bundle), text(trust)));
    out.verdicts.push({ ...verdict, bundle: line.bundle, trust: line.trust, same });
  }
  for (const args of [[], [1], [{}, []], [null, null], [undefined, "x"], [Symbol.iterator]]) {
    out.odd.push(cairnVerify(...args).code);
  }
  const good = bytes(read("ok-record.json"));
  const invalid = bytes(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(good)]));
  out.odd.push(cairnVerify(invalid, bytes(read("network.json"))).code);
  const trust = bytes(read("network.json"));
  const start = process.hrtime.bigint();
  for (let i = 0; i < Number(rounds); i++) {
    if (cairnVerify(good, trust).status !== "OK") throw new Error("round " + i);
  }
  out.nanos = Number(process.hrtime.bigint() - start) / Number(rounds);
  return out;
}

(async () => {
  const go = new Go();
  const { instance } = await WebAssembly.instantiate(fs.readFileSync(wasm), go.importObject);
  globalThis.cairnReady = () => {
    globalThis.isReady = true;
  };
  go.run(instance);
  if (!globalThis.isReady) throw new Error("the program did not say that it is ready");
  process.stdout.write(JSON.stringify(all()), () => process.exit(0));
})().catch((err) => {
  console.error(err);
  process.exit(1);
});
