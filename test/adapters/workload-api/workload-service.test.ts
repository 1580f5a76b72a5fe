import { connectivityState, status } from '@grpc/grpc-js';
import { Refusal } from '../../../src/domain/refusal.ts';
import type { WorkloadState } from '../../../src/agent/workload-session.ts';
import {
  bundleOf,
  callOnce,
  connectWorkload,
  KEY_SET,
  newState,
  openStream,
  secured,
  startWorkloadApi,
  type WorkloadClient,
  type WorkloadWorld,
} from '../../support/workload-stand-in.ts';
import { newCa, type TestCa } from '../../support/x509.ts';

let world: WorkloadWorld;
let client: WorkloadClient;
let ca: TestCa;
let other: TestCa;
beforeAll(async () => {
  [ca, other] = await Promise.all([newCa(), newCa()]);
});
beforeEach(async () => {
  world = await startWorkloadApi();
  client = connectWorkload(world.path);
});
afterEach(async () => {
  client.close();
  await world.stop();
});

const certificate = (each: TestCa): Buffer => Buffer.from(each.certificate.der);
const withFederation = async (): Promise<WorkloadState> => ({
  ...(await newState(ca)),
  bundle: bundleOf('example.org', [ca, other]),
  federated: [bundleOf('other.test', [other]), bundleOf('empty.test', [], '{"keys":[]}')],
});

describe('FetchX509SVID', () => {
  test('gives everything at once, in octets as clients read them (WLAPI-4, WLAPI-20 to WLAPI-25)', async () => {
    const state = await withFederation();
    const [svid] = state.svids;
    world.sessions.state = {
      ...state,
      svids: [{ ...svid!, chain: [...svid!.chain, certificate(ca)], hint: 'h' }, svid!],
    };
    const message = await openStream(client, 'FetchX509SVID').next();
    const leaf = Buffer.from(svid!.chain[0]!);
    expect(message).toEqual({
      crl: [],
      federatedBundles: { 'spiffe://other.test': certificate(other) },
      svids: [
        {
          spiffeId: 'spiffe://example.org/payments/api',
          x509Svid: Buffer.concat([leaf, certificate(ca)]),
          x509SvidKey: Buffer.from(svid!.key),
          bundle: Buffer.concat([certificate(ca), certificate(other)]),
          hint: 'h',
        },
        {
          spiffeId: 'spiffe://example.org/payments/api',
          x509Svid: leaf,
          x509SvidKey: Buffer.from(svid!.key),
          bundle: Buffer.concat([certificate(ca), certificate(other)]),
          hint: '',
        },
      ],
    });
  });

  test('tells of each change, on all streams, in whole (WLAPI-3, WLAPI-5)', async () => {
    const streams = [openStream(client, 'FetchX509SVID'), openStream(client, 'FetchX509SVID')];
    for (const stream of streams) await stream.next();
    const next = await newState(ca);
    world.sessions.change(next);
    for (const stream of streams) {
      expect(await stream.next()).toMatchObject({ svids: [{ x509SvidKey: Buffer.from(next.svids[0]!.key) }] });
    }
  });

  test('is ended by the client, and nothing is said about it', async () => {
    const stream = openStream(client, 'FetchX509SVID');
    await stream.next();
    expect(world.sessions.watchers.size).toBe(1);
    const [watcher] = world.sessions.watchers;
    stream.cancel();
    expect(await stream.ended()).toMatchObject({ code: status.CANCELLED });
    await callOnce(client, 'FetchJWTSVID', { audience: ['a'] });
    expect(world.sessions.watchers.size).toBe(0);
    watcher?.fail(new Error('too late'));
    expect(world.lines).toEqual([]);
  });

  test('ends at the client’s own deadline', async () => {
    const stream = openStream(client, 'FetchX509SVID', secured(), { deadline: 150 + Date.now() });
    await stream.next();
    expect(await stream.ended()).toMatchObject({ code: status.DEADLINE_EXCEEDED });
  });

  test.each<[string, unknown, number, string]>([
    [
      'no identity (WLE-12)',
      new Refusal('no_identity', 'no identity issued', { decisionId: '0123456789abcdef' }),
      status.PERMISSION_DENIED,
      'no identity issued (decision 0123456789abcdef)',
    ],
    [
      'a decision that is named already',
      new Refusal('no_identity', 'no identity issued, see ab', { decisionId: 'ab' }),
      status.PERMISSION_DENIED,
      'no identity issued, see ab',
    ],
    ['not synchronised (WLE-13)', new Refusal('unavailable', 'not yet'), status.UNAVAILABLE, 'not yet'],
    ['too much', new Refusal('busy', 'later'), status.UNAVAILABLE, 'later'],
    ['a bug', new Error('secret detail'), status.UNAVAILABLE, 'internal error'],
    ['letters without UTF-8', new Refusal('unavailable', 'a\ud800'), status.UNAVAILABLE, 'a\ufffd'],
  ])('before the first answer and later: %s', async (_name, error, code, details) => {
    const early = openStream(client, 'FetchX509SVID');
    await early.next();
    world.sessions.fail(error);
    expect(await early.ended()).toMatchObject({ code, details });
    world.sessions.overrides = { watch: () => Promise.reject(error) };
    const late = connectWorkload(world.path);
    expect(await openStream(late, 'FetchX509SVID').ended()).toMatchObject({ code, details });
    late.close();
    // The connection stays.
    expect(client.getChannel().getConnectivityState(false)).toBe(connectivityState.READY);
    expect(world.lines.join()).not.toContain('secret');
  });
});

describe('bundles', () => {
  test('of X.509, the own one and those that have something to give (WLAPI-27, WLAPI-28)', async () => {
    world.sessions.state = await withFederation();
    expect(await openStream(client, 'FetchX509Bundles').next()).toEqual({
      crl: [],
      bundles: {
        'spiffe://example.org': Buffer.concat([certificate(ca), certificate(other)]),
        'spiffe://other.test': certificate(other),
      },
    });
  });

  test('of JWT keys, as JSON (WLAPI-43, WLAPI-44)', async () => {
    world.sessions.state = await withFederation();
    expect(await openStream(client, 'FetchJWTBundles').next()).toEqual({
      bundles: { 'spiffe://example.org': Buffer.from(KEY_SET), 'spiffe://other.test': Buffer.from(KEY_SET) },
    });
  });

  test('are not told again when only an SVID is new', async () => {
    const first = await newState(ca);
    world.sessions.state = first;
    const stream = openStream(client, 'FetchX509Bundles');
    await stream.next();
    world.sessions.change({ ...(await newState(ca)), bundle: first.bundle });
    world.sessions.change({ ...first, bundle: bundleOf('example.org', [other]) });
    expect(await stream.next()).toMatchObject({ bundles: { 'spiffe://example.org': certificate(other) } });
  });

  test.each(['FetchX509Bundles', 'FetchJWTBundles'])('%s: none without an identity (WLAPI-30)', async (method) => {
    world.sessions.overrides = { watch: () => Promise.reject(new Refusal('no_identity', 'no identity issued')) };
    expect(await openStream(client, method).ended()).toMatchObject({ code: status.PERMISSION_DENIED });
  });
});

describe('JWT-SVIDs', () => {
  test('for audiences and an identity, or for all (WLAPI-40, WLAPI-41, WLAPI-42)', async () => {
    const spiffeId = 'spiffe://example.org/payments/api';
    expect(await callOnce(client, 'FetchJWTSVID', { audience: ['a', 'b'] })).toEqual({
      svids: [{ spiffeId, svid: 'token.for.a.all', hint: '' }],
    });
    expect(await callOnce(client, 'FetchJWTSVID', { audience: ['a'], spiffeId })).toEqual({
      svids: [{ spiffeId, svid: `token.for.a.${spiffeId}`, hint: '' }],
    });
  });

  test.each<[string, object]>([
    ['FetchJWTSVID', {}],
    ['FetchJWTSVID', { audience: [''] }],
    ['FetchJWTSVID', { audience: ['a', ''] }],
    ['ValidateJWTSVID', { svid: 'x' }],
    ['ValidateJWTSVID', { audience: 'x' }],
  ])('%s with %j is refused (WLAPI-7)', async (method, request) => {
    await expect(callOnce(client, method, request)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  test('are validated, and their claims told (WLAPI-45, WLAPI-46)', async () => {
    expect(await callOnce(client, 'ValidateJWTSVID', { audience: 'a', svid: 'x' })).toEqual({
      spiffeId: 'spiffe://example.org/payments/api',
      claims: {
        fields: {
          sub: { stringValue: 'spiffe://example.org/payments/api' },
          aud: { listValue: { values: [{ stringValue: 'a' }] } },
          exp: { numberValue: 1_794_767_400 },
          nested: {
            structValue: {
              fields: {
                list: {
                  listValue: {
                    values: [
                      { boolValue: true },
                      { nullValue: 'NULL_VALUE' },
                      { stringValue: 'x' },
                      { numberValue: 1.5 },
                    ],
                  },
                },
              },
            },
          },
        },
      },
    });
  });

  test.each<[string, number]>([
    ['invalid_token', status.INVALID_ARGUMENT],
    ['no_identity', status.PERMISSION_DENIED],
    ['unavailable', status.UNAVAILABLE],
  ])('%s', async (code, expected) => {
    const refuse = (): Promise<never> => Promise.reject(new Refusal(code as 'unavailable', 'because'));
    world.sessions.overrides = { jwtSvids: refuse, validateJwt: refuse };
    const request = { audience: 'a', svid: 'x' };
    await expect(callOnce(client, 'ValidateJWTSVID', request)).rejects.toMatchObject({
      code: expected,
      details: 'because',
    });
    await expect(callOnce(client, 'FetchJWTSVID', { audience: ['a'] })).rejects.toMatchObject({ code: expected });
  });
});

test('requests of a MiB are read, larger ones refused', async () => {
  const validate = (bytes: number): Promise<unknown> =>
    callOnce(client, 'ValidateJWTSVID', { audience: 'a', svid: 'x'.repeat(bytes) });
  expect(await validate(1024 * 1024 - 100)).toHaveProperty('claims');
  await expect(validate(1024 * 1024)).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  expect(await validate(10)).toHaveProperty('claims');
});

test.each(['FetchWITSVID', 'FetchWITBundles'])('%s is not offered (WLE-14, WLAPI-60)', async (method) => {
  expect(await openStream(client, method).ended()).toMatchObject({ code: status.UNIMPLEMENTED });
});

test('a name of ours that a client sends finds no other session', async () => {
  const stream = openStream(client, 'FetchX509SVID', secured({ 'x-mayfly-caller': 'f'.repeat(32) }));
  await stream.next();
  expect(world.sessions.opened).toBe(1);
});
