// The story of relying parties that use openid-client: an app without a secret, one with a secret, one with a key, and one that signs in for itself.
import assert from 'node:assert/strict';
import * as oidc from 'openid-client';
import { visit } from './browser.mjs';
import { base, step } from './story.mjs';

const { issuer, redirect, patient, apps, statement } = JSON.parse(process.env.CAIRN_APPS);
const insecure = { execute: [oidc.allowInsecureRequests] };
const scope = 'openid fhirUser launch/patient offline_access patient/Observation.rs?category=laboratory patient/Patient.r';

const discover = (app, auth, server = issuer, options = {}) => oidc.discovery(new URL(server), app, { redirect_uris: [redirect] }, auth, { ...insecure, ...options });
const key = async (jwk) => ({ kid: jwk.kid, key: await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-384' }, false, ['sign']) });

// flow is the code flow with PKCE, state and nonce.
async function flow(config, ask = {}, options = undefined, decision = 'allow') {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const expectedState = oidc.randomState();
  const expectedNonce = oidc.randomNonce();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirect, scope, state: expectedState, nonce: expectedNonce, aud: base,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256', ...ask,
  });
  const back = await visit(url, decision);
  assert.equal(back.searchParams.get('iss'), issuer);
  return oidc.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }, undefined, options);
}

let config, tokens;

await step('discovery', async () => {
  config = await discover(apps.public, oidc.None());
  const server = config.serverMetadata();
  assert.equal(server.issuer, issuer);
  assert.ok(server.supportsPKCE());
  const same = await discover(apps.public, oidc.None(), issuer, { algorithm: 'oauth2' });
  assert.equal(same.serverMetadata().token_endpoint, server.token_endpoint);
});

await step('code flow with PKCE', async () => {
  tokens = await flow(config);
  assert.equal(tokens.patient, patient);
  assert.equal(tokens.scope, scope);
  assert.equal(tokens.claims().fhirUser, `${base}/Patient/${patient}`);
  assert.equal(tokens.expires_in, 900);
});

await step('the ID token is signed with a published key', async () => {
  const checked = await discover(apps.public, oidc.None(), issuer, { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] });
  assert.ok((await flow(checked)).claims().sub);
});

await step('read', async () => {
  const res = await oidc.fetchProtectedResource(config, tokens.access_token, new URL(`${base}/Patient/${patient}`), 'GET');
  assert.equal((await res.json()).id, patient);
});

await step('a scope that is missing', async () => {
  const err = await oidc.fetchProtectedResource(config, tokens.access_token, new URL(`${base}/Condition?patient=${patient}`), 'GET').then(() => null, (e) => e);
  assert.equal(err?.cause?.[0]?.parameters?.error, 'insufficient_scope');
});

await step('refresh', async () => {
  const next = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(next.refresh_token, tokens.refresh_token);
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
  await assert.rejects(oidc.refreshTokenGrant(config, next.refresh_token), { error: 'invalid_grant' }, 'a used refresh token ends them all');
});

await step('who does not allow it', async () => {
  await assert.rejects(flow(config, { scope: `${scope} patient/Condition.rs` }, undefined, 'deny'), { error: 'access_denied' });
});

await step('revoke', async () => {
  const t = await flow(config);
  await oidc.tokenRevocation(config, t.refresh_token);
  await assert.rejects(oidc.fetchProtectedResource(config, t.access_token, new URL(`${base}/Patient/${patient}`), 'GET'));
});

await step('DPoP', async () => {
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
  const t = await flow(config, {}, { DPoP });
  assert.equal(t.token_type, 'dpop');
  const at = new URL(`${base}/Patient/${patient}`);
  assert.equal((await oidc.fetchProtectedResource(config, t.access_token, at, 'GET', undefined, undefined, { DPoP })).status, 200);
  await assert.rejects(oidc.fetchProtectedResource(config, t.access_token, at, 'GET'), 'without its proof');
  assert.equal((await oidc.refreshTokenGrant(config, t.refresh_token, undefined, { DPoP })).token_type, 'dpop');
});

await step('a secret, and introspection', async () => {
  const secret = await discover(apps.secret.id, oidc.ClientSecretBasic(apps.secret.secret));
  const t = await flow(secret);
  const seen = await oidc.tokenIntrospection(secret, t.access_token);
  assert.equal(seen.active, true);
  assert.equal(seen.patient, patient);
  assert.equal(seen.client_id, apps.secret.id);
});

await step('a key of its own', async () => {
  const own = await discover(apps.key.id, oidc.PrivateKeyJwt(await key(apps.key.jwk)));
  const t = await flow(own);
  assert.equal((await oidc.refreshTokenGrant(own, t.refresh_token)).token_type, 'bearer');
});

await step('client credentials', async () => {
  const alone = await discover(apps.alone.id, oidc.PrivateKeyJwt(await key(apps.alone.jwk)));
  const t = await oidc.clientCredentialsGrant(alone, { scope: 'system/Patient.rs' });
  assert.equal(t.scope, 'system/Patient.rs');
  assert.equal(t.expires_in, 300);
  assert.equal((await oidc.fetchProtectedResource(alone, t.access_token, new URL(`${base}/Patient/${patient}`), 'GET')).status, 200);
});

await step('registration by a statement of a member', async () => {
  const made = await oidc.dynamicClientRegistration(new URL(issuer), { software_statement: statement }, undefined, insecure);
  assert.equal(made.clientMetadata().client_name, 'Diary by statement');
  assert.ok((await flow(made)).access_token);
});
