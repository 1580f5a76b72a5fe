import { array, assert, boolean, constantFrom, dictionary, oneof, property, record, subarray } from 'fast-check';
import { Delta, type DeltaRequest, type DeltaResponse } from '../../../src/adapters/sds/delta.ts';
import { SECRET_TYPE_URL } from '../../../src/adapters/sds/messages.ts';
import { Refusal } from '../../../src/domain/refusal.ts';
import { countedNonces, secretsLike } from './workload-states.ts';

const request = (changes: Partial<DeltaRequest> = {}): DeltaRequest => ({
  subscribe: [],
  unsubscribe: [],
  typeUrl: SECRET_TYPE_URL,
  initialVersions: new Map(),
  refused: false,
  ...changes,
});

const add = (...subscribe: readonly string[]): DeltaRequest => request({ subscribe });
const drop = (...unsubscribe: readonly string[]): DeltaRequest => request({ unsubscribe });
const ACCEPTED = request();
const REFUSED = request({ refused: true });

const HELD = { default: 'v1', ROOTCA: 'v1', other: 'v1' };

/** A response as `nonce: name version, -removed, …`. */
const shown = (response: DeltaResponse | undefined): string | undefined => {
  if (response === undefined) return undefined;
  const parts = response.secrets.map(({ name, version }) => `${name} ${version}`);
  return `${response.nonce}: ${[...parts, ...response.removed.map((name) => `-${name}`)].join(', ')}`;
};

/** A stream that knows its caller's secrets and has answered a first request. */
const startedWith = (first: DeltaRequest, held: Readonly<Record<string, string>> = HELD): Delta => {
  const stream = new Delta(countedNonces());
  stream.update(secretsLike(held));
  stream.request(first);
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
  // SDS-41
  test('is answered with what it names', () => {
    const stream = new Delta(countedNonces());
    stream.update(secretsLike(HELD));
    expect(stream.request(add('default', 'ROOTCA'))).toBe('taken');
    const response = stream.next();
    expect(shown(response)).toBe('n1: default v1, ROOTCA v1');
    expect(response?.version).toBe('1');
    expect(stream.next()).toBeUndefined();
  });

  test('waits for the state of the caller', () => {
    const stream = new Delta(countedNonces());
    stream.request(add('default'));
    expect(stream.next()).toBeUndefined();
    stream.update(secretsLike(HELD));
    expect(shown(stream.next())).toBe('n1: default v1');
  });

  test('is not there yet: nothing is sent', () => {
    const stream = new Delta(countedNonces());
    stream.update(secretsLike(HELD));
    expect(stream.next()).toBeUndefined();
  });

  // SDS-31
  test('is refused for another type, at any time', () => {
    const stream = startedWith(add('default'));
    for (const each of [stream, new Delta(countedNonces())]) {
      expect(refusalOf(() => each.request(request({ typeUrl: 'cluster' })))).toMatch(/^invalid_request: only secrets/);
    }
    expect(stream.request(request({ typeUrl: '' }))).toBe('taken');
  });

  // SDS-43
  test.each([
    ['the same', { default: 'v1', ROOTCA: 'v1' }, undefined],
    ['one that is old', { default: 'v0', ROOTCA: 'v1' }, 'n1: default v1'],
    ['one without its version', { default: '', ROOTCA: 'v1' }, 'n1: default v1'],
    ['one that nobody subscribed to', { default: 'v1', ROOTCA: 'v1', other: 'v0', gone: 'v0' }, undefined],
  ])('of a client that holds %s', (_, versions, answer) => {
    const stream = new Delta(countedNonces());
    stream.update(secretsLike(HELD));
    stream.request(request({ subscribe: ['default', 'ROOTCA'], initialVersions: new Map(Object.entries(versions)) }));
    expect(shown(stream.next())).toBe(answer);
    stream.update(secretsLike({ ...HELD, ROOTCA: 'v2' }));
    expect(shown(stream.next())).toBe(`${answer === undefined ? 'n1' : 'n2'}: ROOTCA v2`);
  });

  // SDS-43
  test('alone says what the client holds', () => {
    const stream = startedWith(add('default'));
    stream.request(request({ subscribe: ['ROOTCA'], initialVersions: new Map([['ROOTCA', 'v1']]) }));
    expect(shown(stream.next())).toBe('n2: ROOTCA v1');
  });

  // SDS-44
  test('of a client that holds what is gone', () => {
    const stream = new Delta(countedNonces());
    stream.update(secretsLike(HELD));
    stream.request(request({ subscribe: ['gone'], initialVersions: new Map([['gone', 'v1']]) }));
    expect(shown(stream.next())).toBe('n1: -gone');
  });
});

describe('names', () => {
  // SDS-40, SDS-42
  test('are added', () => {
    const stream = startedWith(add('default'));
    stream.request(add('ROOTCA'));
    expect(shown(stream.next())).toBe('n2: ROOTCA v1');
    stream.update(secretsLike({ default: 'v2', ROOTCA: 'v2', other: 'v2' }));
    expect(shown(stream.next())).toBe('n3: default v2, ROOTCA v2');
  });

  // SDS-42
  test('are sent again when they are added again', () => {
    const stream = startedWith(add('default', 'ROOTCA'));
    stream.request(add('default'));
    expect(shown(stream.next())).toBe('n2: default v1');
    stream.request(drop('ROOTCA'));
    stream.request(add('ROOTCA'));
    expect(shown(stream.next())).toBe('n3: ROOTCA v1');
  });

  // SDS-40, SDS-45
  test.each([
    ['that is subscribed', drop('default')],
    ['that is unknown', drop('nobody', 'default')],
  ])('one %s is dropped without an answer', (_, dropped) => {
    const stream = startedWith(add('default', 'ROOTCA'));
    stream.request(dropped);
    expect(stream.next()).toBeUndefined();
    stream.update(secretsLike({ default: 'v2', ROOTCA: 'v2' }));
    expect(shown(stream.next())).toBe('n2: ROOTCA v2');
  });

  test('in both lists stay', () => {
    const stream = startedWith(add('ROOTCA'));
    stream.request(request({ subscribe: ['default'], unsubscribe: ['default'] }));
    expect(shown(stream.next())).toBe('n2: default v1');
  });

  test('named twice are sent once', () => {
    const stream = startedWith(add('ROOTCA'));
    stream.request(add('default', 'default'));
    expect(shown(stream.next())).toBe('n2: default v1');
  });

  // SDS-44
  test('that do not exist are told as removed, once, and pushed when they come', () => {
    const stream = new Delta(countedNonces());
    stream.update(secretsLike(HELD));
    stream.request(add('default', 'later'));
    expect(shown(stream.next())).toBe('n1: default v1, -later');
    stream.update(secretsLike({ ...HELD, default: 'v2' }));
    expect(shown(stream.next())).toBe('n2: default v2');
    stream.update(secretsLike({ ...HELD, default: 'v2', later: 'v1' }));
    expect(shown(stream.next())).toBe('n3: later v1');
    stream.update(secretsLike({ ...HELD, default: 'v2' }));
    expect(shown(stream.next())).toBe('n4: -later');
    stream.request(add('later'));
    expect(shown(stream.next())).toBe('n5: -later');
  });

  // SDS-29
  test('of others are told as removed', () => {
    const stream = new Delta(countedNonces());
    stream.update(secretsLike(HELD));
    stream.request(add('file-root:system', '__proto__'));
    expect(shown(stream.next())).toBe('n1: -file-root:system, -__proto__');
  });

  test('are a thousand at most', () => {
    const names = (from: number): readonly string[] => Array.from({ length: 600 }, (_, at) => `name-${from + at}`);
    const stream = startedWith(add(...names(0)));
    expect(stream.request(add(...names(0)))).toBe('taken');
    expect(refusalOf(() => stream.request(add(...names(600))))).toBe(
      'invalid_request: at most 1000 names may be asked for',
    );
  });

  test('that were dropped under the wildcard are not gathered without end', () => {
    const stream = new Delta(countedNonces());
    const drops = (from: number): DeltaRequest => drop(...Array.from({ length: 600 }, (_, at) => `name-${from + at}`));
    stream.request(request());
    stream.request(drops(0));
    expect(refusalOf(() => stream.request(drops(600)))).toBe('invalid_request: at most 1000 names may be asked for');
  });
});

describe('an answer to a response', () => {
  // SDS-40
  test.each([
    ['accepting', ACCEPTED, 'taken'],
    ['refusing', REFUSED, 'refused'],
  ])('%s it is not answered', (_, answer, kind) => {
    const stream = startedWith(add('default'));
    expect(stream.request(answer)).toBe(kind);
    expect(stream.next()).toBeUndefined();
    expect(stream.request(answer)).toBe('taken');
    stream.update(secretsLike(HELD));
    expect(stream.next()).toBeUndefined();
  });

  // SDS-40
  test('refusing it may change the subscription', () => {
    const stream = startedWith(add('default'));
    expect(stream.request(request({ subscribe: ['other'], unsubscribe: ['default'], refused: true }))).toBe('refused');
    expect(shown(stream.next())).toBe('n2: other v1');
  });

  test('refusing it makes the next response whole', () => {
    const stream = startedWith(add('default', 'ROOTCA', 'gone'));
    stream.request(REFUSED);
    stream.update(secretsLike({ ...HELD, default: 'v2' }));
    expect(shown(stream.next())).toBe('n2: default v2, ROOTCA v1');
    stream.update(secretsLike({ ...HELD, default: 'v3' }));
    expect(shown(stream.next())).toBe('n3: default v3');
  });

  // SDS-44
  test('refusing one that has only removals does no harm', () => {
    const stream = startedWith(add('gone'));
    stream.request(REFUSED);
    expect(stream.next()).toBeUndefined();
    stream.update(secretsLike({ gone: 'v1' }));
    expect(shown(stream.next())).toBe('n2: gone v1');
  });

  test('refusing before there was a response says nothing', () => {
    const stream = new Delta(countedNonces());
    expect(stream.request(request({ subscribe: ['default'], refused: true }))).toBe('taken');
  });
});

describe('the wildcard', () => {
  // SDS-46
  test.each([
    ['no names', request()],
    ['the wildcard', add('*')],
  ])('a first request with %s asks for everything', (_, first) => {
    const stream = new Delta(countedNonces());
    stream.update(secretsLike({ a: 'v1', b: 'v1' }));
    stream.request(first);
    expect(shown(stream.next())).toBe('n1: a v1, b v1');
    stream.request(ACCEPTED);
    expect(stream.next()).toBeUndefined();
    stream.update(secretsLike({ b: 'v2', c: 'v1' }));
    expect(shown(stream.next())).toBe('n2: b v2, c v1, -a');
    expect(stream.next()).toBeUndefined();
  });

  // SDS-46
  test('is not meant by a later request without names', () => {
    const stream = startedWith(add('default'));
    stream.request(ACCEPTED);
    stream.request(drop('default'));
    stream.request(ACCEPTED);
    stream.update(secretsLike({ default: 'v2', other: 'v2' }));
    expect(stream.next()).toBeUndefined();
  });

  test('stays when names are added, and ends when it is dropped', () => {
    const stream = startedWith(request(), { a: 'v1', b: 'v1' });
    stream.request(add('a'));
    expect(shown(stream.next())).toBe('n2: a v1');
    stream.update(secretsLike({ a: 'v1', b: 'v2' }));
    expect(shown(stream.next())).toBe('n3: b v2');
    stream.request(drop('*'));
    expect(stream.next()).toBeUndefined();
    stream.update(secretsLike({ a: 'v3', b: 'v3' }));
    expect(shown(stream.next())).toBe('n4: a v3');
  });

  // SDS-42
  test('sends everything when it is asked for again', () => {
    const stream = startedWith(add('a'), { a: 'v1', b: 'v1' });
    stream.request(add('*'));
    expect(shown(stream.next())).toBe('n2: a v1, b v1');
    stream.request(add('*'));
    expect(shown(stream.next())).toBe('n3: a v1, b v1');
  });

  test('tells what became of a name that was dropped under it', () => {
    const stream = startedWith(add('*', 'a', 'gone'), { a: 'v1', b: 'v1' });
    stream.request(drop('a', 'gone', 'never'));
    expect(shown(stream.next())).toBe('n2: a v1, -gone, -never');
    expect(stream.next()).toBeUndefined();
  });

  // SDS-43
  test('tells a client that comes back what is gone', () => {
    const stream = new Delta(countedNonces());
    stream.request(
      request({
        initialVersions: new Map([
          ['a', 'v1'],
          ['gone', 'v1'],
        ]),
      }),
    );
    stream.update(secretsLike({ a: 'v1', b: 'v1' }));
    expect(shown(stream.next())).toBe('n1: b v1, -gone');
  });
});

describe('pushes', () => {
  test('hold the newest when the reader was slow', () => {
    const stream = startedWith(add('default'));
    for (const version of ['v2', 'v3', 'v4']) stream.update(secretsLike({ ...HELD, default: version }));
    expect(shown(stream.next())).toBe('n2: default v4');
  });

  test('do not come for what is not subscribed', () => {
    const stream = startedWith(add('default'));
    stream.update(secretsLike({ ...HELD, other: 'v2' }));
    expect(stream.next()).toBeUndefined();
  });
});

describe('whatever happens', () => {
  const NAMES = ['a', 'b', 'c', 'd'];
  interface Held {
    readonly held: Readonly<Record<string, string>>;
  }
  const change = record({
    subscribe: subarray([...NAMES, '*']),
    unsubscribe: subarray([...NAMES, '*']),
    refused: boolean(),
  }).map((changes) => request(changes));
  const update = record({ held: dictionary(constantFrom(...NAMES), constantFrom('v1', 'v2')) });
  const steps = array(oneof(change, update), { maxLength: 30 });

  test('a client that takes what comes holds what it subscribed to, and nobody spins', () => {
    assert(
      property(steps, (all: readonly (DeltaRequest | Held)[]) => {
        const stream = new Delta(countedNonces());
        const subscribed = new Set<string>();
        const client = new Map<string, string>();
        let held: Readonly<Record<string, string>> = { a: 'v1' };
        stream.update(secretsLike(held));
        for (const step of [add('a'), ...all]) {
          if ('held' in step) {
            held = step.held;
            stream.update(secretsLike(held));
          } else {
            for (const name of step.unsubscribe) subscribed.delete(name);
            for (const name of step.subscribe) subscribed.add(name);
            stream.request(step);
            // A client forgets what it leaves; under the wildcard it waits to be told.
            for (const name of subscribed.has('*') ? [] : [...client.keys()]) {
              if (!subscribed.has(name)) client.delete(name);
            }
          }
          const response = stream.next();
          const names = [...(response?.secrets.map(({ name }) => name) ?? []), ...(response?.removed ?? [])];
          expect(new Set(names).size).toBe(names.length);
          for (const { name, version } of response?.secrets ?? []) client.set(name, version);
          for (const name of response?.removed ?? []) client.delete(name);
          expect(stream.next()).toBeUndefined();
          for (const name of NAMES) {
            if (subscribed.has('*') || subscribed.has(name)) expect(client.get(name)).toBe(held[name]);
            else if (response !== undefined) expect(response.secrets.map((secret) => secret.name)).not.toContain(name);
          }
        }
      }),
    );
  });
});
