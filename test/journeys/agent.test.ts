import { createSealKey } from '../../src/adapters/keys/seal-key.ts';
import { systemEntropy } from '../../src/adapters/system/entropy.ts';
import { fetchJwtSvids, fetchX509Context, validateJwtSvid } from '../../src/workload/one-shot.ts';
import { Journey } from '../support/journey.ts';
import { AGENT, next, Node, OWN_SELECTOR } from '../support/node-journey.ts';

let journey: Journey;
let node: Node;

beforeEach(async () => {
  journey = await Journey.start();
  node = new Node();
  await node.prepare({ server: journey.server, joinToken: (purpose) => journey.joinToken(purpose) });
  await node.start();
});

afterEach(async () => {
  await node.remove();
  await journey.stop();
});

const web = (more: object = {}) => journey.entry('web', { parentId: AGENT, selectors: [OWN_SELECTOR], ...more });
const put = (id: string, more: object) => ({ id, spiffeId: `spiffe://example.org/${id}`, parentId: AGENT, ...more });

describe('a workload on a node', () => {
  test('has its identity from the socket, and tokens that the agent validates', async () => {
    expect(node.agent.spiffeId()).toBe(AGENT);
    await web({ hint: 'front' });
    const source = await node.source();
    expect(source.svid()).toMatchObject({ spiffeId: 'spiffe://example.org/web', hint: 'front' });
    const [issued] = journey.facts('issued').filter(({ spiffeId }) => spiffeId.endsWith('/web'));
    // P1: nothing unrecorded
    expect(issued).toMatchObject({ id: source.svid().serial, entry: 'web', agent: AGENT, role: 'workload' });
    const [jwt] = await fetchJwtSvids({ address: node.address, audience: 'db' });
    const token = jwt?.token ?? '';
    // WLAPI-45, WLAPI-46
    await expect(validateJwtSvid({ address: node.address, token, audience: 'db' })).resolves.toMatchObject({
      spiffeId: 'spiffe://example.org/web',
      claims: { sub: 'spiffe://example.org/web', aud: ['db'] },
    });
    // WLAPI-47
    await expect(validateJwtSvid({ address: node.address, token, audience: 'other' })).rejects.toMatchObject({
      code: 'invalid_token',
    });
    await source.close();
  });

  // P7, WLE-12
  test('without an identity is told so, under an id that explains what was missing', async () => {
    await web({ selectors: [OWN_SELECTOR, 'unix:gid:987654'] });
    const refused = fetchX509Context({ address: node.address });
    await expect(refused).rejects.toMatchObject({
      code: 'no_identity',
      message: expect.stringContaining('no identity issued'),
    });
    const { message } = await refused.then(
      () => new Error('it was not refused'),
      (error: Error) => error,
    );
    const [id = ''] = /[0-9a-f]{32}/.exec(message) ?? [];
    const explained = async (): Promise<Record<string, unknown>> => {
      for (;;) {
        const answer = await journey.admin
          .call({ method: 'GET', path: `/v1/admin/explain/${id}` })
          .catch(() => undefined);
        if (answer) return answer.body as Record<string, unknown>;
      }
    };
    const text = JSON.stringify(await explained());
    expect(text).toContain('web');
    expect(text).toContain('unix:gid:987654');
  });

  test('hears at once of what an administrator changes', async () => {
    await web();
    const source = await node.source();
    const second = next(source, 'update', () => source.svids().length === 2);
    await journey.administer('POST', '/v1/admin/entries', put('api', { selectors: [OWN_SELECTOR] }));
    await second;
    // WLAPI-25: the older one stays the default
    expect(source.svids().map(({ spiffeId }) => spiffeId)).toEqual([
      'spiffe://example.org/web',
      'spiffe://example.org/api',
    ]);
    const first = next(source, 'update', () => source.svids().length === 1);
    await journey.administer('DELETE', '/v1/admin/entries/web');
    await first;
    expect(source.svid().spiffeId).toBe('spiffe://example.org/api');
    await source.close();
  });

  // P2, DEC-36, M14
  test('loses a revoked identity without asking, and has it again when that is released', async () => {
    await web();
    const source = await node.source();
    const withdrawn = next(source, 'withdrawn');
    const { id } = await journey.revoke({ kind: 'identity', value: 'spiffe://example.org/web' });
    await withdrawn;
    expect(() => source.svid()).toThrow('no X.509 identity');
    await expect(fetchJwtSvids({ address: node.address, audience: 'db' })).rejects.toMatchObject({
      code: 'no_identity',
    });
    const back = next(source, 'update');
    await journey.administer('POST', `/v1/admin/revocations/${id}/release`);
    await back;
    expect(source.svid().spiffeId).toBe('spiffe://example.org/web');
    await source.close();
  });

  test('has its identity again with an entry that comes back, when the hold was released meanwhile', async () => {
    await web();
    const source = await node.source();
    const withdrawn = next(source, 'withdrawn');
    const { id } = await journey.revoke({ kind: 'identity', value: 'spiffe://example.org/web' }, { mode: 'hold' });
    await withdrawn;
    await journey.administer('DELETE', '/v1/admin/entries/web');
    await journey.administer('POST', `/v1/admin/revocations/${id}/release`);
    const back = next(source, 'update');
    await journey.entry('again', {
      spiffeId: 'spiffe://example.org/web',
      parentId: AGENT,
      selectors: [OWN_SELECTOR],
    });
    await back;
    expect(source.svid().spiffeId).toBe('spiffe://example.org/web');
    await source.close();
  });

  test('gets another SVID at once when the one it has is cut off, and is not told that it has none', async () => {
    await web();
    const source = await node.source();
    const { serial } = source.svid();
    const withdrawals: string[] = [];
    source.on('withdrawn', () => withdrawals.push('withdrawn'));
    const renewed = next(source, 'update', () => source.svid().serial !== serial);
    await journey.revoke({ kind: 'credential', value: serial }, { mode: 'reissue' });
    await renewed;
    expect(withdrawals).toEqual([]);
    await source.close();
  });

  // DEC-22
  test('gets another SVID at once when the authority behind it is tainted', async () => {
    await web();
    const source = await node.source();
    const { serial } = source.svid();
    const { authorities } = await journey.administer<{ authorities: { id: string; purpose: string; state: string }[] }>(
      'GET',
      '/v1/admin/authorities',
    );
    const issuing = authorities.find(({ purpose, state }) => purpose === 'x509-issuing' && state === 'active');
    const renewed = next(source, 'update', () => source.svid().serial !== serial);
    await journey.administer('POST', '/v1/admin/authorities', {
      kind: 'taint',
      id: issuing?.id,
      force: true,
      confirm: true,
    });
    await renewed;
    await source.close();
  });
});

describe('an agent', () => {
  test('comes back after a restart without a new token', async () => {
    await web();
    await node.restart();
    const { svids } = await fetchX509Context({ address: node.address });
    expect(svids[0]?.spiffeId).toBe('spiffe://example.org/web');
    expect(journey.facts('attested')).toHaveLength(1);
  });

  // P5
  test('serves what it has while its server is away', async () => {
    await web();
    const source = await node.source();
    const [before] = await fetchJwtSvids({ address: node.address, audience: 'db' });
    await journey.server.stop();
    const { svids } = await fetchX509Context({ address: node.address });
    expect(svids[0]?.serial).toBe(source.svid().serial);
    const [after] = await fetchJwtSvids({ address: node.address, audience: 'db' });
    expect(after?.token).toBe(before?.token);
    await source.close();
  });

  // DEC-36
  test('serves after a restart of its own while the server is away, if it has a key to keep things under', async () => {
    await node.agent.stop();
    const cacheKey = `${node.folder}/cache.key`;
    createSealKey(cacheKey, systemEntropy()).fill(0);
    await node.prepare({ server: journey.server, joinToken: (purpose) => journey.joinToken(purpose) }, { cacheKey });
    await node.start();
    await web();
    const { svids } = await fetchX509Context({ address: node.address });
    await journey.server.stop();
    await node.restart();
    const again = await fetchX509Context({ address: node.address });
    expect(again.svids[0]?.serial).toBe(svids[0]?.serial);
  });

  test('without such a key has nothing to serve then, and says that it cannot tell', async () => {
    await web();
    await journey.server.stop();
    await node.agent.stop();
    await node.listen();
    await expect(fetchX509Context({ address: node.address })).rejects.toMatchObject({ code: 'unavailable' });
  });

  // DEC-6, P2
  test('that is banned forgets everything it holds', async () => {
    await web();
    const source = await node.source();
    const withdrawn = new Promise<void>((resolve) => source.on('problem', () => resolve()));
    await journey.revoke({ kind: 'agent', value: AGENT });
    await withdrawn;
    await expect(fetchX509Context({ address: node.address })).rejects.toMatchObject({ code: 'unavailable' });
    expect(node.agent.spiffeId()).toBeUndefined();
    await source.close();
  });
});
