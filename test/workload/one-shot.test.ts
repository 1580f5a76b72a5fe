import { status } from '@grpc/grpc-js';
import {
  fetchJwtBundles,
  fetchX509Bundles,
  fetchX509Context,
  fetchJwtSvids,
  validateJwtSvid,
} from '../../src/workload/one-shot.ts';
import { TestWorkloadApi, until } from '../support/workload-api.ts';
import { newDomain, newSvid, x509Message } from '../support/workload-identities.ts';

const domain = await newDomain();
const svid = await newSvid(domain);
const api = await new TestWorkloadApi().start();
const { address } = api;
afterAll(() => api.close());

const codeOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'answered',
    (error: unknown) => (error as { code?: unknown }).code,
  );

describe('asking once', () => {
  test('for X.509 identities, after which the stream ends', async () => {
    api.x509.send(x509Message(svid, domain));
    const { svids, bundles } = await fetchX509Context({ address });
    expect(svids.map(({ spiffeId }) => spiffeId)).toEqual(['spiffe://example.org/api']);
    expect([...bundles.keys()]).toEqual(['example.org']);
    await until(() => api.x509.streams.size === 0);
  });

  test('for bundles', async () => {
    api.x509Bundles.send({ bundles: { 'spiffe://example.org': domain.bundle } });
    api.jwtBundles.send({ bundles: { 'spiffe://example.org': Buffer.from('{"keys":[]}') } });
    expect([...(await fetchX509Bundles({ address })).keys()]).toEqual(['example.org']);
    expect([...(await fetchJwtBundles({ address })).values()]).toMatchObject([{ keys: [], keySet: '{"keys":[]}' }]);
  });

  test('without an answer', async () => {
    api.x509.refuse(status.PERMISSION_DENIED);
    expect(await codeOf(fetchX509Context({ address }))).toBe('no_identity');
    expect(await codeOf(fetchX509Context({ address: 'unix:///nowhere/agent.sock' }))).toBe('unavailable');
    const reason = new Error('enough');
    await expect(fetchX509Context({ address, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('and giving up while the agent says nothing', async () => {
    const silent = await new TestWorkloadApi().start();
    const controller = new AbortController();
    const reason = new Error('enough');
    const asked = fetchX509Context({ address: silent.address, signal: controller.signal });
    await until(() => silent.x509.opened === 1);
    controller.abort(reason);
    await expect(asked).rejects.toBe(reason);
    await until(() => silent.x509.streams.size === 0);
    silent.close();
  });

  test('for tokens needs an audience', async () => {
    expect(await codeOf(fetchJwtSvids({ address, audience: [] }))).toBe('invalid_request');
  });
});

describe('having the agent validate a token', () => {
  const value = (kind: string, of: object) => ({ kind, ...of });

  test('gives the claims as they are', async () => {
    api.validate = ({ audience, svid: token }) => ({
      spiffeId: 'spiffe://example.org/api',
      claims: {
        fields: {
          aud: value('listValue', { listValue: { values: [value('stringValue', { stringValue: audience })] } }),
          sub: value('stringValue', { stringValue: token }),
          exp: value('numberValue', { numberValue: 1_800_000_000 }),
          admin: value('boolValue', { boolValue: true }),
          nothing: value('nullValue', { nullValue: 0 }),
          cnf: value('structValue', {
            structValue: { fields: { x: value('numberValue', { numberValue: 0 }) } },
          }),
        },
      },
    });
    expect(await validateJwtSvid({ address, audience: 'db', token: 'a.b.c' })).toEqual({
      spiffeId: 'spiffe://example.org/api',
      claims: { aud: ['db'], sub: 'a.b.c', exp: 1_800_000_000, admin: true, nothing: null, cnf: { x: 0 } },
    });
  });

  // WLAPI-47
  test('tells a token that is not good from an agent that cannot say', async () => {
    const refusing = (code: status) => () => {
      throw { code, details: 'no' } as unknown as Error;
    };
    api.validate = refusing(status.INVALID_ARGUMENT);
    expect(await codeOf(validateJwtSvid({ address, audience: 'db', token: 'a.b.c' }))).toBe('invalid_token');
    api.validate = refusing(status.UNAVAILABLE);
    expect(await codeOf(validateJwtSvid({ address, audience: 'db', token: 'a.b.c' }))).toBe('unavailable');
  });

  test.each([
    ['no claims', { spiffeId: 'spiffe://example.org/api' }],
    ['no ID', { claims: { fields: {} } }],
  ])('refuses an answer with %s', async (_name, answer) => {
    api.validate = () => answer;
    expect(await codeOf(validateJwtSvid({ address, audience: 'db', token: 'a.b.c' }))).toBe('malformed_response');
  });

  test('needs an audience', async () => {
    expect(await codeOf(validateJwtSvid({ address, audience: '', token: 'a.b.c' }))).toBe('invalid_request');
  });
});
