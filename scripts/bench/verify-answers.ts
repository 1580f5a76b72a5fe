import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { get } from 'node:https';
import { json } from 'node:stream/consumers';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { AUDIENCE } from './operations.ts';
import type { OperationName } from './options.ts';
import type { Prepared } from './prepare.ts';
import type { BenchServer } from './server.ts';

/** Looks at one answer in full; throws when it is not what a relying party would accept. */
export type VerifyAnswer = (body: string) => Promise<void>;

const demand = (isTrue: boolean, what: string): void => {
  if (!isTrue) throw new Error(`an answer does not verify: ${what}`);
};

const fetchJson = (url: string, ca: string): Promise<unknown> =>
  new Promise((resolve, reject) => {
    get(url, { ca, agent: false }, (response) => resolve(json(response))).on('error', reject);
  });

interface X509Answer {
  readonly items: readonly { readonly spiffeId: string; readonly chain: readonly string[]; readonly serial: string }[];
}

/** Chain to the root, time, SPIFFE ID, key of the CSR: with the certificates of node:crypto, which issues none of ours. */
const x509Verifier = (roots: readonly X509Certificate[], { agents }: Prepared): VerifyAnswer => {
  const keys = new Map(agents.flatMap(({ entries }) => entries.map(({ spiffeId, spki }) => [spiffeId, spki])));
  const verifyItem = ({ spiffeId, chain, serial }: X509Answer['items'][number]): void => {
    const [leaf, issuing] = chain.map((der) => new X509Certificate(Buffer.from(der, 'base64')));
    if (!leaf || !issuing) throw new Error('an answer does not verify: the chain is too short');
    demand(leaf.checkIssued(issuing) && leaf.verify(issuing.publicKey), 'signature of the leaf');
    demand(
      roots.some((root) => issuing.checkIssued(root) && issuing.verify(root.publicKey)),
      'path to the root',
    );
    const now = Date.now();
    demand(leaf.validFromDate.getTime() <= now && now < leaf.validToDate.getTime(), 'validity');
    demand(leaf.subjectAltName === `URI:${spiffeId}` && !leaf.ca, 'SPIFFE ID');
    demand(leaf.serialNumber.toLowerCase() === serial.toLowerCase(), 'serial');
    const spki = leaf.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    demand(keys.get(spiffeId) === spki, 'key of the request');
  };
  return async (body) => {
    const { items } = JSON.parse(body) as X509Answer;
    demand(items.length > 0, 'no certificates');
    items.forEach(verifyItem);
  };
};

const jwtVerifier = (keys: JSONWebKeySet, issuer: string): VerifyAnswer => {
  const keySet = createLocalJWKSet(keys);
  return async (body) => {
    const { items } = JSON.parse(body) as { items: readonly [{ spiffeId: string; token: string }] };
    const [{ spiffeId, token }] = items;
    await jwtVerify(token, keySet, { audience: AUDIENCE, issuer, subject: spiffeId, algorithms: ['ES256'] });
  };
};

const tokenVerifier = (keys: JSONWebKeySet, issuer: string, { resource, scope }: Prepared): VerifyAnswer => {
  const keySet = createLocalJWKSet(keys);
  return async (body) => {
    const { access_token: token } = JSON.parse(body) as { access_token: string };
    const { payload } = await jwtVerify(token, keySet, {
      audience: resource,
      issuer,
      typ: 'at+jwt',
      algorithms: ['ES256'],
    });
    demand(payload['scope'] === scope, 'scope');
    demand((payload['cnf'] as Record<string, unknown> | undefined)?.['x5t#S256'] !== undefined, 'binding');
  };
};

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** How to verify each operation's answers with what the server publishes. */
export const answerVerifiers = async (
  server: BenchServer,
  prepared: Prepared,
): Promise<Readonly<Record<OperationName, VerifyAnswer>>> => {
  const ca = await readFile(server.bundleFile, 'utf8');
  const roots = (ca.match(CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem));
  const verifyX509 = x509Verifier(roots, prepared);
  const keySet = async (path: string) => (await fetchJson(`${server.public}${path}`, ca)) as JSONWebKeySet;
  return {
    'x509-svid': verifyX509,
    'x509-batch': verifyX509,
    'jwt-svid': jwtVerifier(await keySet('/keys'), server.public),
    'access-token': tokenVerifier(await keySet('/oauth2/jwks'), `${server.public}/oauth2`, prepared),
  };
};
