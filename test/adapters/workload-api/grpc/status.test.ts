import * as fc from 'fast-check';
import { STATUS, statusOnly, trailers } from '../../../../src/adapters/workload-api/grpc/status.ts';
import { HpackDecoder } from '../../../../src/adapters/workload-api/http2/hpack-decoder.ts';

const read = (block: Buffer): Readonly<Record<string, string>> =>
  Object.fromEntries(
    new HpackDecoder({ tableBytes: 0, listBytes: 65_535 }).decode(block).map(({ name, value }) => [name, value]),
  );
const messageOf = (details: string): string | undefined =>
  read(trailers({ code: STATUS.PERMISSION_DENIED, details }))['grpc-message'];

describe('how a call ends', () => {
  test('well, behind its messages', () => {
    expect(read(trailers({ code: STATUS.OK, details: 'not told' }))).toEqual({ 'grpc-status': '0' });
  });

  test('with nothing but a status, which is an answer of its own', () => {
    expect(read(statusOnly({ code: STATUS.UNAVAILABLE, details: 'gone' }))).toEqual({
      ':status': '200',
      'content-type': 'application/grpc',
      'grpc-accept-encoding': 'identity',
      'grpc-status': '14',
      'grpc-message': 'gone',
    });
  });

  test('without words, where there are none', () => {
    expect(read(trailers({ code: STATUS.INTERNAL, details: '' }))).toEqual({ 'grpc-status': '13' });
  });

  test.each([
    ['100 % sure', '100%20%25%20sure'],
    ['a\r\nb\0', 'a%0D%0Ab%00'],
    ['Zürich 東京 🏯', 'Z%C3%BCrich%20%E6%9D%B1%E4%BA%AC%20%F0%9F%8F%AF'],
    ['half \ud83c', 'half%20%EF%BF%BD'],
  ])('in UTF-8 with percents: %j', (details, message) => {
    expect(messageOf(details)).toBe(message);
  });

  test('in any words: they are visible ASCII, at most 4 KiB, and the beginning of what was meant', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000, size: 'max' }), (details) => {
        const message = messageOf(details) ?? '';
        expect(message).toMatch(/^[!-~]*$/);
        expect(message.length).toBeLessThanOrEqual(4096);
        expect(details.toWellFormed().startsWith(decodeURIComponent(message))).toBe(true);
        if (message.length < 4096 - 12) expect(decodeURIComponent(message)).toBe(details.toWellFormed());
      }),
    );
  });

  test.each(['東', '🏯', 'é', 'a'])('cut behind a whole letter: %s', (letter) => {
    const message = messageOf(letter.repeat(5000)) ?? '';
    const encoded = encodeURI(letter);
    expect(message).toBe(encoded.repeat(Math.floor(4096 / encoded.length)));
  });
});
