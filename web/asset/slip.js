// One custodian's part of a consent, as package consent/slip of this program has
// it: the same bytes, the same hashes. What a passkey signs is computed here.

import { concat, hmac, number, sha256, utf8 } from "./bytes.js";

const magic = utf8("cairn/slip/v1\0");
const commitmentDomain = utf8("cairn/slip/commitment/v1\0");
const leafDomain = utf8("cairn/slip/leaf/v1\0");
const edgeDomain = utf8("cairn/slip/edge/v1\0");
const rootDomain = utf8("cairn/slip/root/v1\0");

const part = (bytes) => concat(number(bytes.length, 4), bytes);

// encode writes a slip: {network, custodian, subject, grantee, terms, textHash,
// salt, stopImage, kitImage, issued}; ids are texts, issued is milliseconds, the
// rest bytes.
export function encode(s) {
  return concat(
    magic, s.network, part(utf8(s.custodian)), part(utf8(s.subject)), part(utf8(s.grantee)), part(s.terms),
    s.textHash, s.salt, s.stopImage, s.kitImage, number(s.issued, 8),
  );
}

// secrets reads out of an encoding what its stop is found by.
export function secrets(encoded) {
  const at = encoded.length - 8 - 3 * 32;
  if (at < magic.length + 2 * 32) throw new Error("This decision cannot be read.");
  return { salt: encoded.slice(at, at + 32), stopImage: encoded.slice(at + 32, at + 64), kitImage: encoded.slice(at + 64, at + 96) };
}

const blind = async (encoded, salt, domain) => hmac(salt, concat(domain, await sha256(encoded)));

// commitment is the mark that the custodian seals.
export const commitment = (encoded, salt) => blind(encoded, salt, commitmentDomain);

// root is what is signed for this slip alone: that of a tree of one leaf.
export async function root(encoded, salt) {
  const leaf = await blind(encoded, salt, leafDomain);
  const edge = await sha256(concat(edgeDomain, leaf));
  return sha256(concat(rootDomain, number(1, 4), edge));
}

// path leads from that leaf to the root.
export const path = () => concat(number(0, 4), number(1, 4), number(0, 4));
