// The story of SMART apps on servers that use fhirclient: launched by a patient, and by the EHR.
import assert from 'node:assert/strict';
import smart from 'fhirclient';
import { visit } from './browser.mjs';
import { base, step } from './story.mjs';

const { redirect, patient, apps, launch } = JSON.parse(process.env.CAIRN_APPS);

// app is an app's server with one visitor.
function app() {
  const kept = new Map();
  const storage = { get: async (k) => kept.get(k), set: async (k, v) => (kept.set(k, v), v), unset: async (k) => kept.delete(k) };
  const at = (url) => {
    const sent = {};
    const request = { url: url.pathname + url.search, headers: { host: url.host, 'x-forwarded-proto': url.protocol.slice(0, -1) }, socket: {} };
    return [smart(request, { writeHead: (_, headers) => (sent.to = headers.location), end() {} }, storage), sent];
  };
  return {
    async start(url, options) {
      const [api, sent] = at(url);
      await api.authorize({ redirectUri: redirect, pkceMode: 'required', ...options });
      return sent.to;
    },
    back: (url) => at(url)[0].ready(),
  };
}

const home = new URL('/launch', redirect);
let client;

await step('standalone launch', async () => {
  const a = app();
  client = await a.back(await visit(await a.start(home, { iss: base, clientId: apps.public, scope: 'openid fhirUser launch/patient offline_access patient/Patient.r patient/Observation.rs' })));
  assert.equal(client.patient.id, patient);
  assert.equal(client.getFhirUser(), `Patient/${patient}`);
});

await step('read', async () => {
  assert.equal((await client.patient.read()).id, patient);
  assert.equal((await client.patient.request('Observation')).type, 'searchset');
});

await step('refresh', async () => {
  const was = client.state.tokenResponse.access_token;
  await client.refresh();
  assert.notEqual(client.state.tokenResponse.access_token, was);
  assert.equal((await client.patient.read()).id, patient);
});

await step('a secret', async () => {
  const a = app();
  const c = await a.back(await visit(await a.start(home, { iss: base, clientId: apps.secret.id, clientSecret: apps.secret.secret, scope: 'launch/patient patient/Patient.r' })));
  assert.equal((await c.patient.read()).id, patient);
});

await step('a key of its own', async () => {
  const a = app();
  const c = await a.back(await visit(await a.start(home, { iss: base, clientId: apps.key.id, clientPrivateJwk: { ...apps.key.jwk, alg: 'ES384', key_ops: ['sign'] }, scope: 'launch/patient patient/Patient.r' })));
  assert.equal((await c.patient.read()).id, patient);
});

await step('EHR launch', async () => {
  const a = app();
  const started = new URL(home);
  started.searchParams.set('iss', base);
  started.searchParams.set('launch', launch);
  const c = await a.back(await visit(await a.start(started, { clientId: apps.public, scope: 'launch openid fhirUser patient/Patient.r' })));
  assert.equal(c.patient.id, patient);
  assert.equal(c.state.tokenResponse.need_patient_banner, false);
});
