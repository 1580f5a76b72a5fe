import { objectIdentifier, sequence, setOfOne, tlv, utf8String } from '../../src/formats/der.ts';
import { DerError } from '../../src/formats/der-reader.ts';
import { readDistinguishedName } from '../../src/formats/distinguished-name.ts';
import { distinguishedName } from '../../src/formats/x509-certificate.ts';

const CN = objectIdentifier('2.5.4.3');

test('what is written is read', () => {
  expect(readDistinguishedName(distinguishedName({ organization: 'a_b', commonName: 'Bücher' }))).toEqual([
    { type: '2.5.4.10', text: 'a_b' },
    { type: '2.5.4.3', text: 'Bücher' },
  ]);
  expect(readDistinguishedName(distinguishedName({}))).toEqual([]);
});

test.each<[string, Uint8Array]>([
  ['a UTF-16 string', sequence(setOfOne(sequence(CN, tlv(0x1e, Buffer.from('0061', 'hex')))))],
  ['two attributes side by side', sequence(tlv(0x31, sequence(CN, utf8String('a')), sequence(CN, utf8String('b'))))],
  ['an attribute without a value', sequence(setOfOne(sequence(CN)))],
  ['an attribute with two values', sequence(setOfOne(sequence(CN, utf8String('a'), utf8String('b'))))],
  ['an empty set', sequence(tlv(0x31))],
])('refuses %s', (_, name) => {
  expect(() => readDistinguishedName(name)).toThrow(DerError);
});
