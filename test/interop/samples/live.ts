import { connect } from 'node:tls';
import type { X509Certificate } from 'node:crypto';
import { startOauthWorld, MAIL, ORDERS, type OauthWorld, type TokenAnswer } from '../../support/journey-oauth.ts';
import { csrOf, heldFrom, type Held } from '../../support/journey.ts';
import { newKey } from '../../support/x509.ts';
import { addBundle, addJwks } from './key-documents.ts';
import type { SampleFolder } from './manifest.ts';
import { addAccessToken, addJwtSvid, type KeyFiles } from './token-sample.ts';
import { addX509 } from './x509.ts';

/** What the server shows to whoever connects. */
const presentedBy = async (url: string): Promise<readonly Uint8Array[]> => {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const chain: Uint8Array[] = [];
  let next: X509Certificate | undefined = socket.getPeerX509Certificate();
  while (next !== undefined) {
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  socket.destroy();
  return chain;
};

const svidFor = async ({ agentClient }: OauthWorld, entryId: string, type: 'p256' | 'p384' | 'rsa'): Promise<Held> => {
  const key = newKey(type);
  const answer = await agentClient.postJson('/v1/svids/x509', { items: [{ csr: csrOf(key), entryId }] });
  if (answer.status !== 200) throw new Error(answer.text);
  return heldFrom((answer.json() as { items: unknown[] }).items[0], key);
};

const addCertificates = async (folder: SampleFolder, world: OauthWorld): Promise<void> => {
  const { journey, agent } = world;
  const roots = journey.roots();
  await journey.entry('named', {
    parentId: agent.spiffeId,
    commonName: 'named',
    dnsNames: ['named.example.org', 'other.example.org'],
  });
  for (const type of ['p256', 'p384', 'rsa'] as const) {
    const { chain } = await svidFor(world, 'web', type);
    addX509(folder, `from the server, ${type}`, { chain, roots });
  }
  const named = await svidFor(world, 'named', 'p256');
  addX509(folder, 'from the server, named', { chain: named.chain, roots, host: 'other.example.org' });
  addX509(folder, 'from the server, an agent', { chain: agent.chain, roots });
  for (const listener of ['api', 'public'] as const) {
    const chain = await presentedBy(journey.server.ready[listener]);
    addX509(folder, `the server itself, ${listener}`, { chain, roots, address: '127.0.0.1' });
  }
};

const addPublished = async (folder: SampleFolder, { journey }: OauthWorld): Promise<KeyFiles & { oauth: string }> => {
  const relyingParty = journey.public();
  const get = async (path: string): Promise<string> => {
    const { status, text } = await relyingParty.ask(path);
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    return text;
  };
  return {
    bundle: addBundle(folder, 'bundle of the server', await get('/bundle'), journey.roots()),
    keys: addJwks(folder, 'keys of the server for JWT-SVIDs', await get('/keys')),
    oauth: addJwks(folder, 'keys of the server for access tokens', await get('/oauth2/jwks')),
  };
};

/** Good samples as clients of a running server hold them. */
export const addLive = async (folder: SampleFolder): Promise<void> => {
  const world = await startOauthWorld({
    configure: (server) => ({ ...server, names: { commonNames: ['*'], dnsNames: ['*.example.org'] } }),
  });
  try {
    await addCertificates(folder, world);
    const { bundle, keys, oauth } = await addPublished(folder, world);
    const audience = 'spiffe://example.org/reports';
    const token = await world.assertion('web', [audience, 'https://reports.example.org']);
    addJwtSvid(folder, { name: 'JWT-SVID of the server', token, audience, keys: { bundle, keys } });
    const held = await world.svid('web');
    for (const [name, resource, scope] of [
      ['plain', ORDERS, 'read write'],
      ['bound', MAIL, 'send'],
    ] as const) {
      const answer = await world.byX509(held, { resource, scope });
      if (answer.status !== 200) throw new Error(answer.text);
      const { access_token: accessToken } = answer.json() as unknown as TokenAnswer;
      const { issuer } = world;
      addAccessToken(folder, {
        name: `access token of the server, ${name}`,
        token: accessToken,
        keys: oauth,
        issuer,
        audience: resource,
      });
    }
  } finally {
    await world.journey.stop();
  }
};
