// The codes of a recovery kit, as package wallet/kit of this program has them, and
// what follows from them.

import { concat, hkdf, hmac, number, random, sha256, utf8 } from "./bytes.js";

export const stop = 1;
export const recovery = 2;

const groups = 13;
const groupData = 4;
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

// make makes a fresh code of a kind.
export const make = (kind) => ({ kind, secret: random(32) });

// print writes a code as it stands on paper.
export function print(code) {
  let bits = code.kind.toString(2).padStart(4, "0");
  for (const b of code.secret) bits += b.toString(2).padStart(8, "0");
  const out = [];
  for (let g = 0; g < groups; g++) {
    const group = [];
    for (let i = 0; i < groupData; i++) group.push(parseInt(bits.substr((g * groupData + i) * 5, 5), 2));
    group.push(check(g, group));
    out.push(group.map((v) => alphabet[v]).join(""));
  }
  return out.join("-");
}

// parse reads what somebody types: in any case, with or without hyphens and
// spaces, O for 0, I and L for 1. It throws an Error that says where to look.
export function parse(text, kind) {
  const read = [];
  for (const c of text.toUpperCase().replace(/[\s-]/g, "")) {
    const value = alphabet.indexOf({ O: "0", I: "1", L: "1" }[c] || c);
    if (value < 0) throw new Error(`Group ${Math.floor(read.length / 5) + 1} has a sign that no code has.`);
    read.push(value);
  }
  if (read.length !== groups * (groupData + 1)) throw new Error(`The code has 13 groups of five, ${groups * 5} letters and digits. You typed ${read.length}.`);
  let bits = "";
  for (let g = 0; g < groups; g++) {
    const group = read.slice(g * 5, g * 5 + 5);
    if (check(g, group.slice(0, groupData)) !== group[groupData]) throw new Error(`Look at group ${g + 1} again: it is mistyped.`);
    for (const v of group.slice(0, groupData)) bits += v.toString(2).padStart(5, "0");
  }
  const code = { kind: parseInt(bits.slice(0, 4), 2), secret: new Uint8Array(32) };
  for (let i = 0; i < 32; i++) code.secret[i] = parseInt(bits.substr(4 + i * 8, 8), 2);
  if (code.kind !== kind) throw new Error(kind === stop ? "This is not the stop code. It is the other code of the kit." : "This is not the recovery code. It is the other code of the kit.");
  return code;
}

// check is a sum over GF(32) with a weight for each place.
function check(group, data) {
  let sum = group;
  let weight = 1;
  for (const v of data) {
    weight = times(weight, 2);
    sum ^= times(weight, v);
  }
  return sum;
}

// times multiplies in GF(32), modulo x^5+x^2+1.
function times(a, b) {
  let product = 0;
  for (; b > 0; b >>= 1) {
    if (b & 1) product ^= a;
    a <<= 1;
    if (a & 0x20) a ^= 0x25;
  }
  return product;
}

// mark stops what was allowed at one member, with the stop code.
export const mark = (code, network, member) => hmac(code.secret, concat(utf8("cairn/kit/stop/v1\0"), network, utf8(member)));

// opening opens the recovery at a member, with the recovery code.
export const opening = (code, member) => hkdf(code.secret, "cairn/kit/open/v1\0" + member);

// cancelling cancels it.
export const cancelling = (code, member) => hkdf(code.secret, "cairn/kit/cancel/v1\0" + member);

// deposit writes what is left at a hospital (package consent/recovery): {network,
// custodian, subject, open, cancel, delay, issued}; open and cancel are images.
export function deposit(d) {
  const text = (t) => concat(number(utf8(t).length, 1), utf8(t));
  return concat(utf8("cairn/recovery/deposit/v1\0"), d.network, text(d.custodian), text(d.subject), d.open, d.cancel, number(d.delay, 8), number(d.issued, 8));
}

// challenge is what the passkey signs to leave it.
export const challenge = (encoded) => sha256(concat(utf8("cairn/recovery/challenge/v1\0"), encoded));
