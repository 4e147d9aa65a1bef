// The story of an EHR that uses fhir-kit-client.
import assert from 'node:assert/strict';
import { Client } from 'fhir-kit-client';
import { base, bulk, mrn, observation, patient, step, token, transaction } from './story.mjs';

const client = new Client({ baseUrl: base, bearerToken: token });
let id, first;

await step('capability statement', async () => {
  const c = await client.capabilityStatement();
  assert.equal(c.resourceType, 'CapabilityStatement');
  assert.ok(c.rest[0].resource.some((r) => r.type === 'Patient'));
});

await step('create', async () => {
  const made = await client.create({ resourceType: 'Patient', body: patient });
  id = made.id;
  assert.equal(made.meta.versionId, '1');
  for (let day = 1; day <= 5; day++) {
    const o = await client.create({ resourceType: 'Observation', body: observation(id, 10 + day / 10, day) });
    first ??= o.id;
  }
});

await step('read and vread', async () => {
  assert.equal((await client.read({ resourceType: 'Patient', id })).identifier[0].value, mrn);
  assert.equal((await client.vread({ resourceType: 'Observation', id: first, version: '1' })).valueQuantity.value, 10.1);
});

await step('search and paging', async () => {
  let page = await client.search({ resourceType: 'Observation', searchParams: { patient: id, code: 'http://loinc.org|718-7', _sort: '-date', _count: 2 } });
  assert.equal(page.total, 5);
  const days = [];
  for (; page; page = await client.nextPage({ bundle: page })) days.push(...(page.entry ?? []).map((e) => e.resource.effectiveDateTime));
  assert.deepEqual(days, ['2024-03-05', '2024-03-04', '2024-03-03', '2024-03-02', '2024-03-01']);
});

await step('search with quantities, includes and chains', async () => {
  const big = await client.resourceSearch({ resourceType: 'Observation', searchParams: { patient: id, 'value-quantity': 'gt10.3||g/dL', _include: 'Observation:subject' } });
  assert.equal(big.entry.filter((e) => e.search.mode === 'match').length, 2);
  assert.equal(big.entry.filter((e) => e.search.mode === 'include').length, 1);
  const chained = await client.resourceSearch({ resourceType: 'Observation', searchParams: { 'subject:Patient.identifier': mrn, _count: 50 } });
  assert.equal(chained.entry.length, 5);
});

await step('compartment search', async () => {
  const found = await client.compartmentSearch({ resourceType: 'Observation', compartment: { resourceType: 'Patient', id } });
  assert.equal(found.entry.length, 5);
});

await step('update', async () => {
  const was = await client.read({ resourceType: 'Observation', id: first });
  const is = await client.update({ resourceType: 'Observation', id: first, body: { ...was, status: 'amended' } });
  assert.equal(is.meta.versionId, '2');
});

await step('patch', async () => {
  const is = await client.patch({ resourceType: 'Observation', id: first, jsonPatch: [{ op: 'replace', path: '/status', value: 'corrected' }] });
  assert.equal(is.status, 'corrected');
});

await step('history', async () => {
  const of = await client.resourceHistory({ resourceType: 'Observation', id: first });
  assert.deepEqual(of.entry.map((e) => e.resource.status), ['corrected', 'amended', 'final']);
});

await step('transaction', async () => {
  const done = await client.transaction({ body: transaction(id) });
  assert.deepEqual(done.entry.map((e) => e.response.status.slice(0, 3)), ['201', '201']);
});

await step('batch', async () => {
  const done = await client.batch({
    body: { resourceType: 'Bundle', type: 'batch', entry: [{ request: { method: 'GET', url: `Patient/${id}` } }, { request: { method: 'GET', url: 'Patient/nobody-here' } }] },
  });
  assert.deepEqual(done.entry.map((e) => e.response.status.slice(0, 3)), ['200', '404']);
});

await step('$everything', async () => {
  const all = await client.operation({ name: 'everything', resourceType: 'Patient', id, method: 'GET' });
  const types = new Set(all.entry.map((e) => e.resource.resourceType));
  assert.deepEqual([...types].sort(), ['Condition', 'Observation', 'Patient', 'Practitioner']);
});

await step('$validate', async () => {
  const bad = await client.operation({ name: 'validate', resourceType: 'Observation', method: 'POST', input: { resourceType: 'Observation', status: 'done' } });
  assert.ok(bad.issue.some((i) => i.severity === 'error'));
});

await step('export', async () => {
  const found = await bulk(async (url) => (await fetch(url, { headers: { Authorization: `Bearer ${token}` } })).text());
  assert.ok(found.Patient.some((p) => p.id === id));
  assert.equal(found.Observation.filter((o) => o.subject.reference === `Patient/${id}`).length, 5);
});

await step('delete', async () => {
  await client.delete({ resourceType: 'Observation', id: first });
  await assert.rejects(client.read({ resourceType: 'Observation', id: first }), (err) => err.response.status === 410);
});
