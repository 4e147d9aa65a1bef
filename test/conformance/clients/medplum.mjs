// The story of a program that uses @medplum/core.
import assert from 'node:assert/strict';
import { MedplumClient } from '@medplum/core';
import { base, bulk, mrn, observation, patient, step, token, transaction } from './story.mjs';

const root = base.replace(/\/fhir$/, '/');
const client = new MedplumClient({ baseUrl: root, fhirUrlPath: 'fhir', accessToken: token, fetch, cacheTime: 0 });
let id, first;

await step('create', async () => {
  id = (await client.createResource(patient)).id;
  for (let day = 1; day <= 3; day++) {
    const o = await client.createResource(observation(id, 9 + day, day));
    first ??= o.id;
  }
});

await step('create if none exists', async () => {
  const again = await client.createResourceIfNoneExist(patient, `identifier=urn:example:mrn|${mrn}`);
  assert.equal(again.id, id);
});

await step('read', async () => {
  assert.equal((await client.readResource('Patient', id)).birthDate, '1970-01-02');
});

await step('search and paging', async () => {
  const found = [];
  for await (const page of client.searchResourcePages('Observation', `patient=${id}&_count=1&_sort=-date`)) found.push(...page.map((o) => o.valueQuantity.value));
  assert.deepEqual(found, [12, 11, 10]);
  assert.equal((await client.searchOne('Patient', `identifier=${mrn}`)).id, id);
});

await step('update', async () => {
  const was = await client.readResource('Observation', first);
  assert.equal((await client.updateResource({ ...was, status: 'amended' })).meta.versionId, '2');
});

await step('patch', async () => {
  const is = await client.patchResource('Observation', first, [{ op: 'replace', path: '/status', value: 'corrected' }]);
  assert.equal(is.status, 'corrected');
});

await step('history', async () => {
  assert.equal((await client.readHistory('Observation', first)).entry.length, 3);
});

await step('transaction', async () => {
  const done = await client.executeBatch(transaction(id));
  assert.equal(done.entry.length, 2);
});

await step('$everything', async () => {
  assert.ok((await client.readPatientEverything(id)).entry.length >= 5);
});

await step('expand a value set', async () => {
  const set = await client.valueSetExpand({ url: 'http://hl7.org/fhir/ValueSet/administrative-gender' });
  assert.deepEqual(set.expansion.contains.map((c) => c.code), ['male', 'female', 'other', 'unknown']);
});

await step('validate', async () => {
  const outcome = await client.validateResource(patient);
  assert.ok(!outcome.issue.some((i) => i.severity === 'error'));
});

await step('export', async () => {
  const found = await bulk(async (url) => (await client.download(url)).text());
  assert.ok(found.Patient.some((p) => p.id === id));
});

await step('delete', async () => {
  await client.deleteResource('Observation', first);
  await assert.rejects(client.readResource('Observation', first));
});
