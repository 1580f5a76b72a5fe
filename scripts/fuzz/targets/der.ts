import { objectIdentifier, tlv } from '../../../src/formats/der.ts';
import {
  booleanValue,
  DerError,
  DerReader,
  namedBits,
  smallNumber,
  unsignedContent,
  wholeOctets,
  type DerElement,
} from '../../../src/formats/der-reader.ts';
import { objectIdentifierText } from '../../../src/formats/object-identifier.ts';
import { readDistinguishedName } from '../../../src/formats/distinguished-name.ts';
import { derMutator } from '../mutate-der.ts';
import { LEAVES, ROOT_DER } from '../samples.ts';
import { demand, unless, type Target } from '../target.ts';

const isDerError = (error: unknown): boolean => error instanceof DerError;
const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const judgeInteger = (element: DerElement): void => {
  const number = unless(isDerError, () => unsignedContent(element));
  if (number === undefined) return;
  const { content } = element;
  const signed = BigInt.asIntN(8 * content.length, BigInt(`0x${Buffer.from(content).toString('hex')}`));
  demand(signed === BigInt(`0x${Buffer.from(number).toString('hex')}`), 'an INTEGER is read as another');
  const small = unless(isDerError, () => smallNumber(element));
  demand(small === undefined || BigInt(small) === signed, 'a small INTEGER is read as another');
};

const judgeBits = (element: DerElement): void => {
  const bits = unless(isDerError, () => namedBits(element));
  demand(bits === undefined || bits.length % 8 === 0, 'a list of bits that is no whole octets');
  unless(isDerError, () => wholeOctets(element));
};

/** Whatever a primitive is read as has one spelling, which is the one that was read. */
const judgePrimitive = (element: DerElement): void => {
  if (element.tag === 0x01) unless(isDerError, () => booleanValue(element));
  if (element.tag === 0x02) judgeInteger(element);
  if (element.tag === 0x03) judgeBits(element);
  if (element.tag !== 0x06) return;
  const oid = unless(isDerError, () => objectIdentifierText(element));
  if (oid !== undefined) {
    demand(isSame(objectIdentifier(oid), element.raw), 'an OBJECT IDENTIFIER has two spellings');
  }
};

/** Reads everything, and gives the bytes that the DER writer makes of it. */
const rewrite = (reader: DerReader): Buffer => {
  const parts: Buffer[] = [];
  while (!reader.atEnd) {
    const element = reader.read();
    if ((element.tag & 0x20) === 0) judgePrimitive(element);
    const content = (element.tag & 0x20) === 0 ? element.content : rewrite(element.enter());
    parts.push(tlv(element.tag, content));
  }
  return Buffer.concat(parts);
};

export const der: Target = {
  seeds: [ROOT_DER, ...LEAVES, Buffer.of(0x03, 0x02, 0x05, 0xa0), Buffer.of(0x02, 0x02, 0x00, 0x80)],
  mutate: derMutator,
  sources: ['formats/der-reader.ts', 'formats/object-identifier.ts'],
  run: (input) => {
    const written = unless(isDerError, () => rewrite(new DerReader(input)));
    demand(
      written === undefined || isSame(written, input),
      'bytes were accepted that are not the one form of their value',
    );
    return written !== undefined;
  },
};

const NAME = Buffer.from(
  '302d31143012060355040a0c0b6578616d706c652e6f72673115301306035504030c0c706179206d6520e282ac2e2e',
  'hex',
);

export const distinguishedName: Target = {
  seeds: [NAME, Buffer.from('3000', 'hex')],
  mutate: derMutator,
  sources: ['formats/distinguished-name.ts'],
  run: (input) => {
    const attributes = unless(isDerError, () => readDistinguishedName(input));
    return attributes !== undefined;
  },
};
