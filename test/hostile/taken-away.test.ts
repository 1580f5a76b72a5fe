import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';
import { readCertificate } from '../../src/formats/certificate.ts';
import { encodePem } from '../../src/formats/pem.ts';
import { codeOf } from '../support/hostile.ts';
import { csrOf, type Held, heldFrom, Journey } from '../support/journey.ts';
import type { Client } from '../support/journey-client.ts';
import { issueLeaf, leafPlan, newCa, newKey } from '../support/x509.ts';

/** Connections that were opened by somebody good (DEC-19), and credentials in the wrong hands (DEC-14). */

let journey: Journey;
beforeAll(async () => {
  journey = await Journey.start({ frontEnds: 2 });
});
afterAll(() => journey.stop());

const x509 = (client: Client, entryId: string, key = newKey()) =>
  client.postJson('/v1/svids/x509', { items: [{ csr: csrOf(key), entryId }] });

test.each(['evict', 'ban'])(
  'an agent that is stopped by %s is refused on each of its open connections',
  async (verb) => {
    const agent = await journey.attest({ agent: verb });
    await journey.entry(`under-${verb}`, { parentId: agent.spiffeId });
    const open = Array.from({ length: 8 }, () => journey.api(agent));
    const first = await Promise.all(open.map((client) => x509(client, `under-${verb}`)));
    expect(first.map(({ status }) => status)).toEqual(open.map(() => 200));
    await journey.administer('POST', `/v1/admin/agents/${encodeURIComponent(agent.spiffeId)}/${verb}`, {
      confirm: true,
    });
    const asked = await Promise.all(
      open.flatMap((client) => [
        x509(client, `under-${verb}`),
        client.postJson('/v1/svids/x509', { items: [{ csr: csrOf(newKey()) }] }),
        client.postJson('/v1/svids/jwt', { items: [{ audience: ['db'], entryId: `under-${verb}` }] }),
        client.postJson('/v1/validate', { credential: agent.cert }),
      ]),
    );
    expect(new Set(asked.map(codeOf))).toEqual(new Set(['401 unauthenticated']));
  },
);

describe('a leaf with its key, stolen from a pod', () => {
  let agent: Held;
  let pod: Held;
  beforeAll(async () => {
    agent = await journey.attest({ agent: 'node' });
    await journey.entry('pod', { parentId: agent.spiffeId });
    await journey.entry('neighbour', { parentId: agent.spiffeId });
    await journey.entry('boss', { admin: { role: 'owner', prefix: 'spiffe://example.org' } });
    const key = newKey();
    const answer = await x509(journey.api(agent), 'pod', key);
    pod = heldFrom((answer.json() as { items: unknown[] }).items[0], key);
  });

  test('gives no further credential, of its own ID or of another', async () => {
    const thief = journey.api(pod);
    const before = journey.facts('issued').length;
    const asked = [
      await x509(thief, 'pod'),
      await x509(thief, 'neighbour'),
      await x509(thief, 'boss'),
      await thief.postJson('/v1/svids/x509', { items: [{ csr: csrOf(pod.key) }] }),
      await thief.postJson('/v1/svids/jwt', { items: [{ audience: ['db'] }] }),
      await thief.postJson('/v1/svids/jwt', { items: [{ audience: ['db'], entryId: 'neighbour' }] }),
    ];
    expect(new Set(asked.map(codeOf))).toEqual(new Set(['403 forbidden']));
    expect(journey.facts('issued')).toHaveLength(before);
  });

  test('administers nothing', async () => {
    const thief = journey.api(pod);
    for (const path of ['/v1/admin/entries', '/v1/admin/agents', '/v1/admin/authorities', '/v1/admin/credentials']) {
      expect(codeOf(await thief.ask(path))).toBe('403 forbidden');
    }
    expect(codeOf(await thief.postJson('/v1/admin/join-tokens', { entry: 'boss' }))).toBe('403 forbidden');
  });

  test('makes nobody an agent by lying beside its certificate, nor by signing another', async () => {
    const beside = { ...pod, cert: pod.cert + agent.cert };
    expect(codeOf(await x509(journey.api(beside), 'pod'))).toBe('403 forbidden');
    const { subjectName: nameDer, subjectKeyId: keyId = Buffer.alloc(20) } = readCertificate(
      pod.chain[0] ?? Buffer.alloc(0),
    );
    const ca = await newCa();
    const key = newKey();
    const seconds = Math.floor(Date.now() / 1000);
    const plan = leafPlan(ca, key, {
      spiffeId: parseSpiffeId(agent.spiffeId),
      notBefore: seconds - 60,
      notAfter: seconds + 600,
      issuer: { nameDer, keyId, algorithm: 'ES256' },
    });
    const leaf = await issueLeaf({ ...ca, key: pod.key }, plan);
    const keyPem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const forged = { keyPem, cert: encodePem('CERTIFICATE', leaf) + pod.cert };
    expect(codeOf(await x509(journey.api(forged), 'pod'))).toBe('401 unauthenticated');
  });

  test('does not hear how credentials of others stand', async () => {
    const answer = await journey.api(pod).postJson('/v1/validate', { credential: agent.cert });
    expect(codeOf(answer)).toBe('403 forbidden');
    expect(answer.text).not.toMatch(/valid|expire|revoked|node/);
  });
});
