import * as fc from 'fast-check';
import { GatheredOctets } from '../../../../src/adapters/workload-api/http2/gathered-octets.ts';

describe('octets that come in parts', () => {
  test('are all there, in order, and then gone', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), fc.uint8Array(), (parts, last) => {
        const gathered = new GatheredOctets();
        for (const part of parts) gathered.add(Buffer.from(part));
        expect(gathered.length).toBe(parts.reduce((sum, part) => sum + part.length, 0));
        expect(gathered.take(Buffer.from(last))).toEqual(Buffer.concat([...parts, last]));
        expect(gathered.length).toBe(0);
      }),
    );
  });

  test('are not copied where they are all of it', () => {
    const all = Buffer.from('all');
    expect(new GatheredOctets().take(all)).toBe(all);
  });

  test('belong to nobody else', () => {
    const gathered = new GatheredOctets();
    const part = Buffer.from('one');
    gathered.add(part);
    part.fill(0);
    expect(gathered.take(Buffer.from(' two')).toString()).toBe('one two');
  });

  test('take at most twice their room, and none from the pool', () => {
    const gathered = new GatheredOctets();
    for (let at = 0; at < 5000; at++) gathered.add(Buffer.of(at));
    expect(gathered.take(Buffer.alloc(0)).buffer.byteLength).toBeLessThan(10_000);
  });

  test('are forgotten when dropped', () => {
    const gathered = new GatheredOctets();
    gathered.add(Buffer.from('one'));
    gathered.drop();
    expect(gathered.take(Buffer.from('two')).toString()).toBe('two');
  });
});
