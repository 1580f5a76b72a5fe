import { once } from 'node:events';
import { status } from '@grpc/grpc-js';
import type { WorkloadError } from '../../src/workload/errors.ts';
import { type PickX509Svid, X509Source } from '../../src/workload/x509-source.ts';
import { TestWorkloadApi, until } from '../support/workload-api.ts';
import { newDomain, newSvid, svidMessage, x509Message } from '../support/workload-identities.ts';

const domain = await newDomain();
const first = await newSvid(domain);
const second = await newSvid(domain);

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

const kept = <Thing extends { close(): unknown }>(thing: Thing): Thing => {
  open.push(thing);
  return thing;
};

const startApi = async (): Promise<TestWorkloadApi> => kept(await new TestWorkloadApi().start());

const ready = async (api: TestWorkloadApi): Promise<X509Source> => {
  api.x509.send(x509Message(first, domain));
  return kept(await X509Source.create({ address: api.address }));
};

const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => error,
  );

const codeOf = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return (error as WorkloadError).code;
  }
  return 'nothing thrown';
};

const nextProblem = async (source: X509Source): Promise<WorkloadError> =>
  (await once(source, 'problem'))[0] as WorkloadError;

describe('an X.509 source', () => {
  test('has an identity and a bundle when it is there', async () => {
    const source = await ready(await startApi());
    expect(source.svid().spiffeId).toBe('spiffe://example.org/api');
    expect(source.bundleFor('example.org')?.authorities).toHaveLength(1);
    expect(source.bundleFor('other.example')).toBeUndefined();
  });

  test('tells of rotations, and the newest counts', async () => {
    const api = await startApi();
    const source = await ready(api);
    const before = source.svid().serial;
    const updated = once(source, 'update');
    api.x509.send(x509Message(second, domain));
    await updated;
    expect(source.svid().serial).not.toBe(before);
  });

  test('picks what it is told to, at every update', async () => {
    const api = await startApi();
    api.x509.send({
      svids: [svidMessage(first, domain), svidMessage(second, domain, 'web')],
      federatedBundles: {},
    });
    const source = kept(
      await X509Source.create({
        address: api.address,
        pick: (svids) => svids.find(({ hint }) => hint === 'web'),
      }),
    );
    expect(source.svid().hint).toBe('web');
    expect(source.svids()).toHaveLength(2);
    const updated = once(source, 'update');
    api.x509.send(x509Message(first, domain));
    await updated;
    expect(codeOf(() => source.svid())).toBe('no_identity');
  });

  describe('whose function that picks throws', () => {
    const bug = new TypeError('a bug of the program');
    const throws = (): never => {
      throw bug;
    };

    test('is none: the waiting ends with what it threw', async () => {
      const api = await startApi();
      api.x509.send(x509Message(first, domain));
      const problems: string[] = [];
      const onProblem = ({ code }: WorkloadError): unknown => problems.push(code);
      const failed = await rejection(X509Source.create({ address: api.address, pick: throws, onProblem }));
      expect(failed).toMatchObject({ name: 'WorkloadError', code: 'pick_failed', cause: bug });
      expect(problems).toEqual(['pick_failed']);
    });

    test('at a rotation keeps what it has, says so, and takes the next one', async () => {
      const api = await startApi();
      api.x509.send(x509Message(first, domain));
      let isBroken = false;
      const pick: PickX509Svid = ([svid]) => (isBroken ? throws() : svid);
      const source = kept(await X509Source.create({ address: api.address, pick }));
      const before = source.svid();
      isBroken = true;
      const problem = nextProblem(source);
      api.x509.send(x509Message(second, domain));
      expect(await problem).toMatchObject({ code: 'pick_failed', cause: bug });
      expect(source.svid()).toBe(before);
      expect(source.svids()).toEqual([before]);
      isBroken = false;
      const updated = once(source, 'update');
      api.x509.send(x509Message(second, domain));
      await updated;
      expect(source.svid().serial).not.toBe(before.serial);
    });
  });

  test('waits for an agent that is not there yet', async () => {
    const api = kept(new TestWorkloadApi());
    const problems: string[] = [];
    const creating = X509Source.create({ address: api.address, onProblem: ({ code }) => problems.push(code) });
    await until(() => problems.length > 0);
    api.x509.send(x509Message(first, domain));
    await api.start();
    expect(kept(await creating).svid().spiffeId).toBe('spiffe://example.org/api');
    expect(new Set(problems)).toEqual(new Set(['unavailable']));
  });

  test('waits for an identity', async () => {
    const api = await startApi();
    api.x509.refuse(status.PERMISSION_DENIED, 'no identity issued');
    const problems: string[] = [];
    const creating = X509Source.create({ address: api.address, onProblem: ({ message }) => problems.push(message) });
    await until(() => problems.length > 0);
    expect(problems[0]).toContain('no identity issued');
    api.x509.send(x509Message(first, domain));
    expect(kept(await creating).svid().spiffeId).toBe('spiffe://example.org/api');
  });

  // M11, WLE-18
  test.each([
    ['Unavailable', status.UNAVAILABLE],
    ['Cancelled by the agent', status.CANCELLED],
    ['OK', status.OK],
    ['Internal', status.INTERNAL],
    ['Unauthenticated', status.UNAUTHENTICATED],
  ])('comes back after %s, and keeps what it had', async (_name, code) => {
    const api = await startApi();
    const source = await ready(api);
    const problem = nextProblem(source);
    api.x509.refuse(code);
    expect((await problem).code).toBe('unavailable');
    expect(source.svid().spiffeId).toBe('spiffe://example.org/api');
    const updated = once(source, 'update');
    api.x509.send(x509Message(second, domain));
    await updated;
    expect(api.x509.opened).toBeGreaterThan(1);
  });

  test('comes back after the agent was killed and started again', async () => {
    const api = await startApi();
    const source = await ready(api);
    const problem = nextProblem(source);
    api.stop();
    await problem;
    expect(source.svid().spiffeId).toBe('spiffe://example.org/api');
    const updated = once(source, 'update');
    await api.start();
    await updated;
    expect(source.svids()).toHaveLength(1);
  });

  // M14, DEC-36
  test('drops everything when it is told that there is no identity, and takes a new one', async () => {
    const api = await startApi();
    const source = await ready(api);
    const withdrawn = once(source, 'withdrawn');
    api.x509.refuse(status.PERMISSION_DENIED, 'no identity issued');
    await withdrawn;
    expect(codeOf(() => source.svid())).toBe('no_identity');
    expect(source.svids()).toEqual([]);
    expect(source.bundleFor('example.org')).toBeUndefined();
    const updated = once(source, 'update');
    api.x509.send(x509Message(second, domain));
    await updated;
    expect(source.svid().spiffeId).toBe('spiffe://example.org/api');
  });

  // WLAPI-8
  test('refuses a message that cannot be used, keeps the old one and takes the next', async () => {
    const api = await startApi();
    const source = await ready(api);
    const before = source.svid();
    const problem = nextProblem(source);
    api.x509.send({ svids: [], federatedBundles: {} });
    expect((await problem).code).toBe('malformed_response');
    expect(source.svid()).toBe(before);
    const updated = once(source, 'update');
    api.x509.send(x509Message(second, domain));
    await updated;
    expect(api.x509.opened).toBe(1);
    expect(source.svid()).not.toBe(before);
  });

  test.each([
    ['InvalidArgument', status.INVALID_ARGUMENT, 'invalid_request'],
    ['Unimplemented', status.UNIMPLEMENTED, 'unimplemented'],
  ])('%s is final', async (_name, code, expected) => {
    const api = await startApi();
    api.x509.refuse(code);
    expect(await rejection(X509Source.create({ address: api.address }))).toMatchObject({ code: expected });
    expect(api.x509.opened).toBe(1);
  });

  test('says that it ended, and keeps what it had', async () => {
    const api = await startApi();
    const source = await ready(api);
    const ended = once(source, 'ended');
    api.x509.refuse(status.UNIMPLEMENTED);
    expect(await ended).toMatchObject([{ code: 'unimplemented' }]);
    expect(source.svid().spiffeId).toBe('spiffe://example.org/api');
  });

  test('the signal ends the waiting, and plays no part afterwards', async () => {
    const api = await startApi();
    const waiting = new AbortController();
    const creating = rejection(X509Source.create({ address: api.address, signal: waiting.signal }));
    await until(() => api.x509.opened === 1);
    const reason = new Error('too long');
    waiting.abort(reason);
    expect(await creating).toBe(reason);
    await until(() => api.x509.streams.size === 0);

    api.x509.send(x509Message(first, domain));
    const later = new AbortController();
    const source = kept(await X509Source.create({ address: api.address, signal: later.signal }));
    later.abort(reason);
    expect(source.svid().spiffeId).toBe('spiffe://example.org/api');
  });

  test('a signal that aborted before asks nobody', async () => {
    const reason = new Error('no');
    const creating = X509Source.create({ address: 'unix:///nowhere', signal: AbortSignal.abort(reason) });
    expect(await rejection(creating)).toBe(reason);
  });

  test.each([
    ['', 'no_address'],
    ['/run/agent.sock', 'invalid_address'],
  ])('does not wait with the address "%s"', async (address, code) => {
    expect(await rejection(X509Source.create({ address }))).toMatchObject({ code });
  });

  test('takes the address from the environment', async () => {
    const api = await startApi();
    process.env['SPIFFE_ENDPOINT_SOCKET'] = api.address;
    try {
      api.x509.send(x509Message(first, domain));
      expect(kept(await X509Source.create()).svids()).toHaveLength(1);
    } finally {
      delete process.env['SPIFFE_ENDPOINT_SOCKET'];
    }
  });

  test('closed, it ends its stream and says so', async () => {
    const api = await startApi();
    const source = await ready(api);
    await source[Symbol.asyncDispose]();
    await until(() => api.x509.streams.size === 0);
    expect(codeOf(() => source.svid())).toBe('closed');
    expect(codeOf(() => source.bundles())).toBe('closed');
    await source.close();
  });
});
