import * as fc from 'fast-check';
import { FrameReader } from '../../../../src/adapters/workload-api/http2/frame-reader.ts';
import { ConnectionError, PREFACE } from '../../../../src/adapters/workload-api/http2/frames.ts';
import { frame } from '../../../support/raw-http2.ts';

const keeping = (): { readonly reader: FrameReader; readonly frames: string[] } => {
  const frames: string[] = [];
  const reader = new FrameReader((type, flags, stream, content) =>
    frames.push(`${type} ${flags} ${stream} ${content.toString('hex')}`),
  );
  return { reader, frames };
};
const codeOf = (step: () => void): number | undefined => {
  try {
    step();
    return undefined;
  } catch (error) {
    return error instanceof ConnectionError ? error.code : Number.NaN;
  }
};

describe('frames (RFC 9113 §4.1)', () => {
  test('are the same wherever they are cut, the preface too', () => {
    const anyFrame = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(0x7fff_ffff), fc.uint8Array({ maxLength: 100 }));
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 5 }), fc.array(fc.nat(60), { maxLength: 20 }), (given, cuts) => {
        const { reader, frames } = keeping();
        let rest = Buffer.concat([PREFACE, ...given.map(([a, b, c, content]) => frame(a, b, c, Buffer.from(content)))]);
        for (const cut of [...cuts, rest.length]) {
          reader.read(rest.subarray(0, cut));
          rest = rest.subarray(cut);
        }
        expect(frames).toEqual(given.map(([a, b, c, d]) => `${a} ${b} ${c} ${Buffer.from(d).toString('hex')}`));
      }),
    );
  });

  test('have a reserved bit that means nothing', () => {
    const { reader, frames } = keeping();
    reader.read(Buffer.concat([PREFACE, frame(6, 0, 0x8000_0001)]));
    expect(frames).toEqual(['6 0 1 ']);
  });

  test('may hold 16 KiB, and not an octet more (§4.2)', () => {
    const { reader, frames } = keeping();
    reader.read(Buffer.concat([PREFACE, frame(0, 0, 1, Buffer.alloc(16_384))]));
    expect(frames).toHaveLength(1);
    expect(codeOf(() => reader.read(frame(0, 0, 1, Buffer.alloc(16_385)).subarray(0, 9)))).toBe(6);
  });
});

describe('the preface (RFC 9113 §3.4)', () => {
  test('has come when all of it has', () => {
    const { reader } = keeping();
    reader.read(PREFACE.subarray(0, 23));
    expect(reader.isUnderWay).toBe(false);
    reader.read(PREFACE.subarray(23));
    expect(reader.isUnderWay).toBe(true);
  });

  test.each([0, 10, 23])('is refused at the first octet that is another: %d', (place) => {
    const { reader } = keeping();
    const other = Buffer.from(PREFACE);
    other[place] = 0x20 ^ (other[place] ?? 0);
    reader.read(other.subarray(0, place));
    expect(codeOf(() => reader.read(other.subarray(place, place + 1)))).toBe(1);
  });
});
