import { once } from 'node:events';
import { status } from '@grpc/grpc-js';
import { JwtSource } from '../../src/workload/jwt-source.ts';
import type { JwtSvidRequest } from '../../src/workload/wire.ts';
import { signToken, testKey } from '../support/jwt-keys.ts';
import { TestWorkloadApi, until } from '../support/workload-api.ts';
import { nowSeconds } from '../support/workload-identities.ts';

const ID = 'spiffe://example.org/api';
const key = testKey('ES256');
const stranger = testKey('ES256');
const keySet = (...keys: (typeof key)[]): Buffer =>
  Buffer.from(JSON.stringify({ keys: keys.map(({ kid, verification: { jwk } }) => ({ ...jwk, kid })) }));

let minted = 0;
const mint = (changes: object = {}, signer = key): string => {
  minted += 1;
  const now = nowSeconds();
  return signToken(signer, 'JWT', { sub: ID, aud: ['db'], iat: now, exp: now + 300, jti: `${minted}`, ...changes });
};
const answering =
  (changes: object = {}) =>
  ({ audience }: JwtSvidRequest) => ({
    svids: [{ spiffeId: ID, svid: mint({ aud: audience, ...changes }), hint: '' }],
  });

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

const start = async (changes: object = {}): Promise<{ api: TestWorkloadApi; source: JwtSource }> => {
  const api = await new TestWorkloadApi().start();
  api.jwtBundles.send({ bundles: { 'spiffe://example.org': keySet(key) } });
  api.jwtSvid = answering(changes);
  const source = await JwtSource.create({ address: api.address });
  open.push(api, source);
  return { api, source };
};

const codeOf = async (work: () => unknown): Promise<unknown> => {
  try {
    await work();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return 'accepted';
};

const away = (): never => {
  throw { code: status.UNAVAILABLE, details: 'starting' } as unknown as Error;
};

describe('tokens of a JWT source', () => {
  test('are fetched once for each audience and identity', async () => {
    const { api, source } = await start();
    const first = await source.svid({ audience: 'db' });
    expect(first).toMatchObject({ spiffeId: ID, audience: ['db'] });
    expect((await source.svid({ audience: ['db'] })).token).toBe(first.token);
    expect((await source.svid({ audience: 'web' })).token).not.toBe(first.token);
    await source.svid({ audience: 'db', spiffeId: ID });
    expect(api.jwtCalls).toBe(3);
  });

  test('the order of audiences makes no difference', async () => {
    const { api, source } = await start();
    await source.svid({ audience: ['a', 'b'] });
    await source.svid({ audience: ['b', 'a', 'a'] });
    expect(api.jwtCalls).toBe(1);
  });

  test('questions at once are one call, and who gives up does not end it for the others', async () => {
    const { api, source } = await start();
    const reason = new Error('enough');
    const controller = new AbortController();
    const given = codeOf(() => source.svid({ audience: 'db', signal: controller.signal }).catch(() => away()));
    const others = [source.svid({ audience: 'db' }), source.svid({ audience: 'db' })];
    controller.abort(reason);
    expect(await given).toBe(status.UNAVAILABLE);
    const [a, b] = await Promise.all(others);
    expect(a?.token).toBe(b?.token);
    expect(api.jwtCalls).toBe(1);
  });

  test('are fetched anew after half of their life', async () => {
    const { api, source } = await start({ exp: nowSeconds() });
    await source.svid({ audience: 'db' });
    await source.svid({ audience: 'db' });
    expect(api.jwtCalls).toBe(2);
  });

  test('are given on while they are good and the agent cannot be asked', async () => {
    const { api, source } = await start();
    // Its half is over within the test, and its end is not.
    api.jwtSvid = answering({ exp: (Date.now() + 3000) / 1000 });
    const first = await source.svid({ audience: 'db' });
    const half = Date.now() + 1500;
    await until(() => Date.now() > half);
    api.jwtSvid = away;
    expect((await source.svid({ audience: 'db' })).token).toBe(first.token);
    expect(api.jwtCalls).toBe(2);
    expect(await codeOf(() => source.svid({ audience: 'web' }))).toBe('unavailable');
  });

  test.each([
    ['no identity', status.PERMISSION_DENIED, 'no_identity'],
    ['a bad request', status.INVALID_ARGUMENT, 'invalid_request'],
    ['nothing of the kind', status.UNIMPLEMENTED, 'unimplemented'],
    ['trouble', status.INTERNAL, 'unavailable'],
  ])('are not there: %s', async (_name, code, expected) => {
    const { api, source } = await start();
    api.jwtSvid = () => {
      throw { code, details: 'no' } as unknown as Error;
    };
    expect(await codeOf(() => source.svid({ audience: 'db' }))).toBe(expected);
  });

  test.each([
    ['none at all', () => ({ svids: [] })],
    ['one of another subject', () => ({ svids: [{ spiffeId: `${ID}2`, svid: mint(), hint: '' }] })],
    ['one for another audience', () => ({ svids: [{ spiffeId: ID, svid: mint({ aud: ['web'] }), hint: '' }] })],
    ['one without an end', () => ({ svids: [{ spiffeId: ID, svid: mint({ exp: undefined }), hint: '' }] })],
    ['one that is no JWT', () => ({ svids: [{ spiffeId: ID, svid: 'token', hint: '' }] })],
  ])('are refused when the agent gives %s', async (_name, answer) => {
    const { api, source } = await start();
    api.jwtSvid = answer;
    expect(await codeOf(() => source.svid({ audience: 'db' }))).toBe('malformed_response');
  });

  test.each([[[]], [['']], [['db', '']]])('need an audience: %j', async (audience) => {
    const { api, source } = await start();
    expect(await codeOf(() => source.svid({ audience }))).toBe('invalid_request');
    expect(api.jwtCalls).toBe(0);
  });
});

describe('the check of a JWT source', () => {
  test('accepts a token for us, and asks nobody', async () => {
    const { api, source } = await start();
    expect(source.validate(mint(), { audience: 'db' })).toMatchObject({ spiffeId: ID, audience: ['db'] });
    expect(api.jwtCalls).toBe(0);
  });

  test.each([
    ['for another audience', () => mint({ aud: ['web'] })],
    ['that has expired', () => mint({ exp: nowSeconds() - 1 })],
    ['of an unknown trust domain', () => mint({ sub: 'spiffe://other.example/api' })],
    ['that somebody else signed', () => mint({}, stranger)],
    ['that is none', () => 'a.b.c'],
    ['that was changed', () => mint().replace(/\.[^.]{4}/, '.AAAA')],
  ])('refuses one %s', async (_name, token) => {
    const { source } = await start();
    expect(await codeOf(() => source.validate(token(), { audience: 'db' }))).toBe('invalid_token');
  });

  // M6
  test('believes new keys as they come, and old ones no more', async () => {
    const { api, source } = await start();
    const updated = once(source, 'update');
    api.jwtBundles.send({ bundles: { 'spiffe://example.org': keySet(stranger) } });
    await updated;
    expect(source.validate(mint({}, stranger), { audience: 'db' }).spiffeId).toBe(ID);
    expect(await codeOf(() => source.validate(mint(), { audience: 'db' }))).toBe('invalid_token');
  });

  test('keeps its keys when a message cannot be used', async () => {
    const { api, source } = await start();
    const problem = once(source, 'problem');
    api.jwtBundles.send({ bundles: { 'spiffe://example.org': Buffer.from('{') } });
    expect(await problem).toMatchObject([{ code: 'malformed_response' }]);
    expect(source.validate(mint(), { audience: 'db' }).spiffeId).toBe(ID);
  });

  test('believes nobody after a withdrawal, and has no tokens', async () => {
    const { api, source } = await start();
    await source.svid({ audience: 'db' });
    const withdrawn = once(source, 'withdrawn');
    api.jwtBundles.refuse(status.PERMISSION_DENIED, 'no identity issued');
    await withdrawn;
    expect(source.bundleFor('example.org')).toBeUndefined();
    expect(await codeOf(() => source.validate(mint(), { audience: 'db' }))).toBe('invalid_token');
    await source.svid({ audience: 'db' });
    expect(api.jwtCalls).toBe(2);
  });

  test('closed, it says so', async () => {
    const { source } = await start();
    await source.close();
    expect(await codeOf(() => source.validate(mint(), { audience: 'db' }))).toBe('closed');
    expect(await codeOf(() => source.svid({ audience: 'db' }))).toBe('closed');
  });
});
