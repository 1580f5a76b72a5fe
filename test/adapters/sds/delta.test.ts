import { Delta, type DeltaRequest } from '../../../src/adapters/sds/delta.ts';
import { add, drop, HELD, request, shown, startedWith } from './delta-steps.ts';
import { countedNonces, refusalOf, secretsLike } from './workload-states.ts';

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

  test.each([add, drop])('are no longer than a SPIFFE ID', (step) => {
    const stream = new Delta(countedNonces());
    expect(stream.request(step('n'.repeat(2048)))).toBe('taken');
    expect(refusalOf(() => stream.request(step('n'.repeat(2049))))).toBe(
      'invalid_request: a name may have at most 2048 characters',
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
