// A person's browser that is signed in: it follows an app's question to the page of the hospital, presses a button there, and says where it is sent.
import assert from 'node:assert/strict';

const cookie = process.env.CAIRN_COOKIE;

const unescape = (text) => text.replaceAll('&#43;', '+').replaceAll('&#39;', "'").replaceAll('&#34;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
const values = (page, name) => [...page.matchAll(new RegExp(`name="${name}" value="([^"]*)"`, 'g'))].map((m) => unescape(m[1]));

// visit opens an authorization URL, answers the consent page if one comes, and returns the URL of the app's that it is sent to.
export async function visit(url, decision = 'allow') {
  let res = await fetch(url, { redirect: 'manual', headers: { Cookie: cookie, 'Sec-Fetch-Site': 'cross-site' } });
  if (res.status === 200) {
    const page = await res.text();
    const form = new URLSearchParams({ ticket: values(page, 'ticket')[0], decision });
    for (const scope of values(page, 'scope')) form.append('scope', scope);
    res = await fetch(new URL('/auth/decision', url), { method: 'POST', body: form, redirect: 'manual', headers: { Cookie: cookie, 'Sec-Fetch-Site': 'same-origin' } });
  }
  assert.equal(res.status, 303, await res.text());
  return new URL(res.headers.get('location'));
}
