import * as fc from 'fast-check';
import { Refusal } from '../../src/domain/refusal.ts';
import { encodePem, parsePem } from '../../src/formats/pem.ts';

const der = Buffer.from('300a02010102010202010304', 'hex');
const pem = encodePem('CERTIFICATE', der);

test('what is written is read', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { minLength: 1, maxLength: 4 }), (blocks) => {
      const text = blocks.map((block) => encodePem('CERTIFICATE', block)).join('');
      expect(parsePem(text, 'CERTIFICATE').map((each) => each.toString('hex'))).toEqual(
        blocks.map((block) => Buffer.from(block).toString('hex')),
      );
    }),
  );
});

test('lines have 64 characters', () => {
  const lines = encodePem('PUBLIC KEY', new Uint8Array(100)).split('\n');
  expect(lines.map((line) => line.length)).toEqual([26, 64, 64, 8, 24, 0]);
});

test('text between blocks and line ends of two characters are allowed', () => {
  const text = `Subject: CN=a root\r\n\r\n${pem.replaceAll('\n', '\r\n')}issued in spring\r\n${pem}`;
  expect(parsePem(text, 'CERTIFICATE')).toEqual([der, der]);
});

describe('refused', () => {
  test.each([
    ['no block', 'nothing here'],
    ['another label', encodePem('PUBLIC KEY', der)],
    ['a private key among certificates', pem + encodePem('PRIVATE KEY', der)],
    ['a block without an end', pem.replace(/-----END.*/, '')],
    ['an end without its beginning', pem.replace(/-----BEGIN.*\n/, '')],
    ['an end with another label', pem.replace('END CERTIFICATE', 'END PUBLIC KEY')],
    ['a block inside a block', pem.replace('\n', `\n${pem}`)],
    ['an empty block', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'],
    ['a header', pem.replace('\n', '\nProc-Type: 4,ENCRYPTED\n\n')],
    ['a blank line inside', pem.replace('\n', '\n\n')],
    ['base64url', encodePem('CERTIFICATE', Buffer.of(0xfb, 0xff, 0xfe)).replace('+//+', '-__-')],
    ['missing padding', encodePem('CERTIFICATE', Buffer.of(1)).replace('==', '')],
    ['padding in the middle', encodePem('CERTIFICATE', Buffer.of(1)).replace('AQ==', 'AQ==\nAQ==')],
    ['spare bits', encodePem('CERTIFICATE', Buffer.of(1)).replace('AQ==', 'AR==')],
    ['too many blocks', pem.repeat(65)],
    ['too much text', `${' '.repeat(256 * 1024)}${pem}`],
  ])('%s', (_, text) => {
    expect(() => parsePem(text, 'CERTIFICATE')).toThrow(expect.objectContaining({ code: 'invalid_request' }));
    expect(() => parsePem(text, 'CERTIFICATE')).toThrow(Refusal);
  });

  test('a message never holds the content', () => {
    expect(() => parsePem(encodePem('PRIVATE KEY', der), 'CERTIFICATE')).toThrow(
      'PEM: a block that is not a CERTIFICATE',
    );
  });
});
