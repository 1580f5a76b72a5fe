import { SECRET_TYPE_URL } from '../../../src/adapters/sds/messages.ts';
import { StateOfTheWorld } from '../../../src/adapters/sds/state-of-the-world.ts';
import { accept, ask, HELD, refuse, shown, startedWith } from './state-of-the-world-steps.ts';
import { countedNonces, refusalOf, secretsLike } from './workload-states.ts';

describe('the first request', () => {
  // SDS-20, SDS-21
  test('is answered with what it names', () => {
    const stream = new StateOfTheWorld(countedNonces());
    stream.update(secretsLike(HELD));
    expect(stream.request(ask(['default', 'ROOTCA']))).toBe('taken');
    expect(shown(stream.next())).toBe('n1: default v1, ROOTCA v1');
    expect(stream.next()).toBeUndefined();
  });

  // SDS-28
  test('waits for the state of the caller', () => {
    const stream = new StateOfTheWorld(countedNonces());
    stream.request(ask(['default']));
    expect(stream.next()).toBeUndefined();
    stream.update(secretsLike(HELD));
    expect(shown(stream.next())).toBe('n1: default v1');
  });

  test('is not there yet: nothing is sent', () => {
    const stream = new StateOfTheWorld(countedNonces());
    stream.update(secretsLike(HELD));
    expect(stream.next()).toBeUndefined();
  });

  test('may carry a nonce of an earlier stream', () => {
    const stream = new StateOfTheWorld(countedNonces());
    stream.update(secretsLike(HELD));
    expect(stream.request(accept(['default'], 'earlier'))).toBe('taken');
    expect(shown(stream.next())).toBe('n1: default v1');
  });

  // SDS-12
  test('holds each name once in the answer', () => {
    const stream = new StateOfTheWorld(countedNonces());
    stream.update(secretsLike(HELD));
    stream.request(ask(['default', 'default', 'other', '*', 'default']));
    expect(shown(stream.next())).toBe('n1: default v1, other v1, ROOTCA v1');
  });

  // SDS-31
  test.each(['type.googleapis.com/envoy.config.cluster.v3.Cluster', 'secret', `${SECRET_TYPE_URL} `])(
    'is refused for the type %j',
    (typeUrl) => {
      const stream = new StateOfTheWorld(countedNonces());
      expect(refusalOf(() => stream.request(ask(['default'], { typeUrl })))).toMatch(/^invalid_request: only secrets/);
    },
  );

  // SDS-31
  test('may leave the type out', () => {
    const stream = new StateOfTheWorld(countedNonces());
    stream.update(secretsLike(HELD));
    stream.request(ask(['default'], { typeUrl: '' }));
    expect(shown(stream.next())).toBe('n1: default v1');
  });

  test('is refused with a thousand and one names', () => {
    const names = Array.from({ length: 1001 }, (_, at) => `name-${at}`);
    const stream = new StateOfTheWorld(countedNonces());
    expect(refusalOf(() => stream.request(ask(names)))).toBe('invalid_request: at most 1000 names may be asked for');
  });

  test('is refused with a name longer than any SPIFFE ID', () => {
    const stream = new StateOfTheWorld(countedNonces());
    expect(stream.request(ask(['n'.repeat(2048)]))).toBe('taken');
    expect(refusalOf(() => stream.request(ask(['n'.repeat(2049)])))).toBe(
      'invalid_request: a name may have at most 2048 characters',
    );
  });
});

describe('names that the caller does not have', () => {
  // SDS-28, SDS-29
  test.each([
    ['file-root:system', 'file-root:system'],
    ['a "quoted" one', String.raw`a \"quoted\" one`],
    ['line\nbreak', String.raw`line\nbreak`],
  ])('%j ends the stream and is told', (name, told) => {
    const stream = new StateOfTheWorld(countedNonces());
    stream.update(secretsLike(HELD));
    expect(refusalOf(() => stream.request(ask(['default', name])))).toBe(
      `invalid_request: workload is not authorized for the requested identities ["${told}"]`,
    );
  });

  test('end it when the state comes later', () => {
    const stream = new StateOfTheWorld(countedNonces());
    stream.request(ask(['nobody', 'default', 'none']));
    expect(refusalOf(() => stream.update(secretsLike(HELD)))).toBe(
      'invalid_request: workload is not authorized for the requested identities ["nobody" "none"]',
    );
  });

  test('end it when they are added later', () => {
    const stream = startedWith(['default']);
    expect(refusalOf(() => stream.request(accept(['default', 'nobody'], 'n1')))).toMatch(/^invalid_request: workload/);
  });

  test('are told in few words', () => {
    const names = Array.from({ length: 900 }, (_, at) => `${at}-${'x'.repeat(1000)}`);
    const stream = new StateOfTheWorld(countedNonces());
    stream.update(secretsLike(HELD));
    const told = refusalOf(() => stream.request(ask(names)));
    expect(told.length).toBeLessThan(1300);
    expect(told).toMatch(/ and 892 more$/);
  });

  // SDS-30
  test('any more end it as withdrawn', () => {
    const stream = startedWith(['default', 'other']);
    expect(refusalOf(() => stream.update(secretsLike({ default: 'v2' })))).toBe(
      'no_identity: no longer issued to this workload: ["other"]',
    );
  });

  // SDS-30
  test('any more do not matter while nobody asks for them', () => {
    const stream = startedWith(['default']);
    stream.update(secretsLike({ default: 'v1' }));
    expect(stream.next()).toBeUndefined();
  });
});

describe('an answer to a response', () => {
  // SDS-23, SDS-24
  test.each([
    ['accepting it', accept(['ROOTCA', 'default'], 'n1'), 'taken'],
    ['refusing it', refuse(['default', 'ROOTCA'], 'n1'), 'refused'],
    ['naming things twice', accept(['ROOTCA', 'default', 'ROOTCA'], 'n1'), 'taken'],
  ])('%s is not answered', (_, request, kind) => {
    const stream = startedWith(['default', 'ROOTCA']);
    for (let times = 0; times < 3; times++) {
      expect(stream.request(request)).toBe(times === 0 ? kind : 'taken');
      expect(stream.next()).toBeUndefined();
    }
  });

  // SDS-23
  test('refusing it leaves the stream as it is: the next content is sent', () => {
    const stream = startedWith(['default', 'ROOTCA']);
    stream.request(refuse(['default', 'ROOTCA'], 'n1'));
    stream.update(secretsLike(HELD));
    expect(stream.next()).toBeUndefined();
    stream.update(secretsLike({ ...HELD, default: 'v2' }));
    // All of it, since the client took nothing of the response that it refused.
    expect(shown(stream.next())).toBe('n2: default v2, ROOTCA v1');
    expect(stream.request(refuse(['default', 'ROOTCA'], 'n2'))).toBe('refused');
  });

  // SDS-23
  test('refusing it may change the subscription', () => {
    const stream = startedWith(['default']);
    expect(stream.request(refuse(['default', 'other'], 'n1'))).toBe('refused');
    expect(shown(stream.next())).toBe('n2: default v1, other v1');
  });

  // SDS-22
  test.each([
    ['an older nonce', 'n0'],
    ['no nonce', ''],
    ['a nonce of nobody', 'x'],
  ])('with %s is ignored with its names', (_, nonce) => {
    const stream = startedWith(['default']);
    expect(stream.request(accept(['other', 'nobody'], nonce))).toBe('stale');
    expect(stream.request(refuse(['other'], nonce))).toBe('stale');
    expect(stream.next()).toBeUndefined();
    stream.update(secretsLike({ ...HELD, default: 'v2', other: 'v2' }));
    expect(shown(stream.next())).toBe('n2: default v2');
  });

  // SDS-22
  test('that crossed a newer response is ignored', () => {
    const stream = startedWith(['default']);
    stream.update(secretsLike({ ...HELD, default: 'v2' }));
    expect(shown(stream.next())).toBe('n2: default v2');
    expect(stream.request(accept(['default', 'other'], 'n1'))).toBe('stale');
    expect(stream.next()).toBeUndefined();
    expect(stream.request(accept(['default', 'other'], 'n2'))).toBe('taken');
    expect(shown(stream.next())).toBe('n3: default v2, other v1');
  });
});
