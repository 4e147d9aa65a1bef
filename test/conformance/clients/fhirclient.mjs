// The story of a SMART app that uses fhirclient.
import assert from 'node:assert/strict';
import FHIR from 'fhirclient';
import { base, bulk, mrn, observation, patient, step, token, transaction } from './story.mjs';

const client = new FHIR.FhirClient(base);
const authorized = (init = {}) => ({ ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } });
const get = (url) => client.fhirRequest(url, authorized());
let id, first;

await step('create', async () => {
  id = (await client.create(patient, authorized())).id;
  for (let day = 1; day <= 3; day++) {
    const o = await client.create(observation(id, 9 + day, day), authorized());
    first ??= o.id;
  }
});

await step('read', async () => {
  assert.equal((await get(`Patient/${id}`)).identifier[0].value, mrn);
});

await step('search and paging', async () => {
  const found = [];
  let url = `Observation?patient=${id}&_count=1&_sort=date`;
  while (url) {
    const page = await get(url);
    found.push(...(page.entry ?? []).map((e) => e.resource.valueQuantity.value));
    url = page.link.find((l) => l.relation === 'next')?.url;
  }
  assert.deepEqual(found, [10, 11, 12]);
});

await step('update', async () => {
  const was = await get(`Observation/${first}`);
  assert.equal((await client.update({ ...was, status: 'amended' }, authorized())).meta.versionId, '2');
});

await step('patch', async () => {
  const is = await client.patch(`Observation/${first}`, [{ op: 'replace', path: '/status', value: 'corrected' }], authorized());
  assert.equal(is.status, 'corrected');
});

await step('history', async () => {
  assert.equal((await get(`Observation/${first}/_history`)).entry.length, 3);
});

await step('transaction', async () => {
  const done = await client.fhirRequest('', authorized({ method: 'POST', body: JSON.stringify(transaction(id)), headers: { 'Content-Type': 'application/fhir+json' } }));
  assert.equal(done.type, 'transaction-response');
});

await step('$everything', async () => {
  assert.ok((await get(`Patient/${id}/$everything`)).entry.length >= 5);
});

await step('export', async () => {
  const found = await bulk(async (url) => (await fetch(url, authorized())).text());
  assert.ok(found.Patient.some((p) => p.id === id));
});

await step('delete', async () => {
  await client.delete(`Observation/${first}`, authorized());
  await assert.rejects(get(`Observation/${first}`));
});
