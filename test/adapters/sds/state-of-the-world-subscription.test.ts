import { array, assert, constantFrom, dictionary, integer, oneof, property, record, subarray } from 'fast-check';
import { StateOfTheWorld, type StateOfTheWorldResponse } from '../../../src/adapters/sds/state-of-the-world.ts';
import { accept, ask, HELD, shown, startedWith } from './state-of-the-world-steps.ts';
import { countedNonces, secretsLike } from './workload-states.ts';

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
