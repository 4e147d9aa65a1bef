// What the three stories share: where the server is, and a report line for each step.
import assert from 'node:assert/strict';

export const base = process.env.CAIRN_FHIR;
export const token = process.env.CAIRN_TOKEN;

let steps = 0;

// step runs one part of a story; the first that fails ends the process with 1.
export async function step(name, run) {
  try {
    await run();
  } catch (err) {
    const body = err.response?.data ?? err.outcome ?? err.cause ?? '';
    console.error(`not ok ${name}: ${err.message} ${JSON.stringify(body)}`);
    process.exit(1);
  }
  steps++;
  console.log(`ok ${steps} ${name}`);
}

export const mrn = `c-${process.pid}-${Date.now()}`;

export const patient = {
  resourceType: 'Patient',
  identifier: [{ system: 'urn:example:mrn', value: mrn }],
  name: [{ family: 'Probe', given: ['Ada'] }],
  gender: 'female',
  birthDate: '1970-01-02',
};

export const observation = (id, value, day) => ({
  resourceType: 'Observation',
  status: 'final',
  category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] }],
  code: { coding: [{ system: 'http://loinc.org', code: '718-7', display: 'Hemoglobin' }] },
  subject: { reference: `Patient/${id}` },
  effectiveDateTime: `2024-03-${String(day).padStart(2, '0')}`,
  valueQuantity: { value, unit: 'g/dL', system: 'http://unitsofmeasure.org', code: 'g/dL' },
});

// transaction makes a practitioner and a condition that names him, in one bundle.
export const transaction = (id) => ({
  resourceType: 'Bundle',
  type: 'transaction',
  entry: [
    {
      fullUrl: 'urn:uuid:7f2c9a3e-6f0b-4c51-9d35-1f6a0c1de001',
      resource: { resourceType: 'Practitioner', name: [{ family: 'Quill' }] },
      request: { method: 'POST', url: 'Practitioner' },
    },
    {
      fullUrl: 'urn:uuid:7f2c9a3e-6f0b-4c51-9d35-1f6a0c1de002',
      resource: {
        resourceType: 'Condition',
        subject: { reference: `Patient/${id}` },
        asserter: { reference: 'urn:uuid:7f2c9a3e-6f0b-4c51-9d35-1f6a0c1de001' },
        code: { text: 'Anaemia' },
        clinicalStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-clinical', code: 'active' }] },
      },
      request: { method: 'POST', url: 'Condition' },
    },
  ],
});

// bulk starts a Bulk Data export of the patients, follows it, and returns the resources of all its files by type.
export async function bulk(get) {
  const start = await fetch(`${base}/Patient/$export?_type=Patient,Observation`, {
    headers: { Accept: 'application/fhir+json', Prefer: 'respond-async', Authorization: `Bearer ${token}` },
  });
  assert.equal(start.status, 202, await start.text());
  const status = start.headers.get('content-location');
  for (let i = 0; i < 600; i++) {
    const res = await fetch(status, { headers: { Accept: 'application/json', Authorization: `Bearer ${token}` } });
    if (res.status === 202) {
      await new Promise((done) => setTimeout(done, 100));
      continue;
    }
    assert.equal(res.status, 200, await res.clone().text());
    const found = {};
    for (const file of (await res.json()).output) {
      const text = await get(file.url);
      for (const line of text.trim().split('\n')) (found[file.type] ??= []).push(JSON.parse(line));
    }
    return found;
  }
  throw new Error('the export did not end');
}
