import { array, assert, boolean, constantFrom, dictionary, oneof, property, record, subarray } from 'fast-check';
import { Delta, type DeltaRequest } from '../../../src/adapters/sds/delta.ts';
import { ACCEPTED, add, drop, HELD, REFUSED, request, shown, startedWith } from './delta-steps.ts';
import { countedNonces, secretsLike } from './workload-states.ts';

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
