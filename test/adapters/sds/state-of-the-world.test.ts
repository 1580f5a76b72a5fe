import { assert, array, constantFrom, dictionary, integer, oneof, property, record, subarray } from 'fast-check';
import { Refusal } from '../../../src/domain/refusal.ts';
import { SECRET_TYPE_URL } from '../../../src/adapters/sds/messages.ts';
import {
  StateOfTheWorld,
  type StateOfTheWorldRequest,
  type StateOfTheWorldResponse,
} from '../../../src/adapters/sds/state-of-the-world.ts';
import { countedNonces, secretsLike } from './workload-states.ts';

const ask = (names: readonly string[], changes: Partial<StateOfTheWorldRequest> = {}): StateOfTheWorldRequest => ({
  names,
  typeUrl: SECRET_TYPE_URL,
  nonce: '',
  refused: false,
  ...changes,
});

const accept = (names: readonly string[], nonce: string): StateOfTheWorldRequest => ask(names, { nonce });
const refuse = (names: readonly string[], nonce: string): StateOfTheWorldRequest =>
  ask(names, { nonce, refused: true });

const HELD = { default: 'v1', ROOTCA: 'v1', other: 'v1' };

/** A response as `nonce: name version, …`. */
const shown = (response: StateOfTheWorldResponse | undefined): string | undefined =>
  response && `${response.nonce}: ${response.secrets.map(({ name, version }) => `${name} ${version}`).join(', ')}`;

/** A stream that knows its caller's secrets and has answered a first request. */
const startedWith = (names: readonly string[], held: Readonly<Record<string, string>> = HELD): StateOfTheWorld => {
  const stream = new StateOfTheWorld(countedNonces());
  stream.update(secretsLike(held));
  stream.request(ask(names));
  stream.next();
  return stream;
};

const refusalOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return error instanceof Refusal ? `${error.code}: ${error.message}` : String(error);
  }
  return 'nothing was refused';
};

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
    const names = Array.from({ length: 900 }, (_, at) => `${at}-${'x'.repeat(5000)}`);
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

describe('a changed subscription', () => {
  // SDS-24
  test.each([
    ['another name', ['other'], 'n2: other v1'],
    ['one more', ['default', 'ROOTCA', 'other'], 'n2: default v1, ROOTCA v1, other v1'],
    ['one less', ['ROOTCA'], 'n2: ROOTCA v1'],
  ])('with %s is answered at once', (_, names, answer) => {
    const stream = startedWith(['default', 'ROOTCA']);
    stream.request(accept(names, 'n1'));
    expect(shown(stream.next())).toBe(answer);
    stream.request(accept(names, 'n2'));
    expect(stream.next()).toBeUndefined();
  });

  // SDS-24
  test('sends a name again that was left and taken up', () => {
    const stream = startedWith(['default', 'other']);
    stream.request(accept(['default'], 'n1'));
    stream.next();
    stream.request(accept(['default', 'other'], 'n2'));
    expect(shown(stream.next())).toBe('n3: default v1, other v1');
  });

  // SDS-27
  test('with no name left gets nothing more, until there is one', () => {
    const stream = startedWith(['default']);
    stream.request(accept([], 'n1'));
    expect(stream.next()).toBeUndefined();
    stream.update(secretsLike({ other: 'v2', default: 'v2' }));
    expect(stream.next()).toBeUndefined();
    stream.request(accept(['default'], 'n1'));
    expect(shown(stream.next())).toBe('n2: default v2');
  });
});

describe('the wildcard', () => {
  // SDS-27
  test.each([[[]], [['*']], [['*', '*']]])('%j asks for everything', (names) => {
    const stream = new StateOfTheWorld(countedNonces());
    stream.update(secretsLike({ a: 'v1', b: 'v1' }));
    stream.request(ask(names));
    expect(shown(stream.next())).toBe('n1: a v1, b v1');
    stream.request(accept(names, 'n1'));
    expect(stream.next()).toBeUndefined();
  });

  test('gets what comes and goes', () => {
    const stream = startedWith([], { a: 'v1', b: 'v1' });
    stream.update(secretsLike({ a: 'v1', b: 'v1', c: 'v1' }));
    expect(shown(stream.next())).toBe('n2: a v1, b v1, c v1');
    stream.update(secretsLike({ c: 'v1' }));
    expect(shown(stream.next())).toBe('n3: c v1');
    stream.update(secretsLike({ c: 'v1' }));
    expect(stream.next()).toBeUndefined();
  });

  // SDS-27
  test('ends with the first name; no names then mean none', () => {
    const stream = startedWith([], { a: 'v1', b: 'v1' });
    stream.request(accept(['a'], 'n1'));
    expect(shown(stream.next())).toBe('n2: a v1');
    stream.request(accept([], 'n2'));
    stream.update(secretsLike({ a: 'v2', b: 'v2' }));
    expect(stream.next()).toBeUndefined();
  });
});

describe('pushes', () => {
  // SDS-25, SDS-26
  test('come with a change of what is subscribed, and only then', () => {
    const stream = startedWith(['default']);
    stream.update(secretsLike({ ...HELD, other: 'v2' }));
    expect(stream.next()).toBeUndefined();
    stream.update(secretsLike({ ...HELD, default: 'v2' }));
    expect(shown(stream.next())).toBe('n2: default v2');
    expect(stream.next()).toBeUndefined();
  });

  test('hold the newest when the reader was slow', () => {
    const stream = startedWith(['default']);
    for (const version of ['v2', 'v3', 'v4']) stream.update(secretsLike({ ...HELD, default: version }));
    expect(shown(stream.next())).toBe('n2: default v4');
    expect(stream.next()).toBeUndefined();
  });

  test('do not come when content is back where it was', () => {
    const stream = startedWith(['default']);
    stream.update(secretsLike({ ...HELD, default: 'v2' }));
    stream.update(secretsLike(HELD));
    expect(stream.next()).toBeUndefined();
  });

  // SDS-21
  test('carry a version that goes up', () => {
    const stream = startedWith(['default']);
    stream.update(secretsLike({ ...HELD, default: 'v2' }));
    expect(stream.next()?.version).toBe('2');
  });
});

describe('whatever happens', () => {
  const NAMES = ['a', 'b', 'c'];
  type Step = { readonly names: readonly string[]; readonly nonce: number; readonly refused: boolean } | Held;
  interface Held {
    readonly held: Readonly<Record<string, string>>;
  }
  const request = record({
    names: subarray([...NAMES, '*']),
    nonce: integer({ min: 0, max: 3 }),
    refused: constantFrom(true, false),
  });
  const update = record({ held: dictionary(constantFrom(...NAMES), constantFrom('v1', 'v2', 'v3')) }).map(
    ({ held }) => ({ held: { a: 'v1', b: 'v1', c: 'v1', ...held } }),
  );
  const steps = array(oneof(request, update), { maxLength: 40 });

  test('a client that answers holds what it asked for, and nobody spins', () => {
    assert(
      property(steps, (all: readonly Step[]) => {
        const stream = new StateOfTheWorld(countedNonces());
        const nonces: string[] = [];
        const client = new Map<string, string>();
        let held: Readonly<Record<string, string>> = {};
        let wanted: readonly string[] = [];
        const take = (response: StateOfTheWorldResponse | undefined): void => {
          if (response === undefined) return;
          const names = response.secrets.map(({ name }) => name);
          // SDS-12, SDS-26: no name twice, none that nobody asked for.
          expect(new Set(names).size).toBe(names.length);
          if (wanted.length > 0 && !wanted.includes('*')) expect(wanted).toEqual(expect.arrayContaining(names));
          expect(nonces).not.toContain(response.nonce);
          nonces.push(response.nonce);
          for (const { name, version } of response.secrets) client.set(name, version);
        };
        for (const step of all) {
          if ('held' in step) {
            held = step.held;
            stream.update(secretsLike(held));
          } else {
            const nonce = nonces.at(-1 - step.nonce) ?? '';
            if (stream.request(accept(step.names, nonce)) !== 'stale') wanted = step.names;
          }
          take(stream.next());
          // The client accepts: nothing more comes of it.
          stream.request(accept(wanted, nonces.at(-1) ?? ''));
          if (nonces.length > 0) expect(stream.next()).toBeUndefined();
          else take(stream.next());
          if (nonces.length > 0) {
            for (const name of wanted) if (name !== '*') expect(client.get(name)).toBe(held[name]);
          }
        }
      }),
    );
  });
});
