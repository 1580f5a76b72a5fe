import { DerError, readWhole } from './der-reader.ts';
import { objectIdentifierText } from './object-identifier.ts';

/** One attribute of a distinguished name. */
export interface NameAttribute {
  /** Object identifier, dotted. */
  readonly type: string;
  readonly text: string;
}

const STRING_TAGS = new Set([0x0c, 0x13, 0x16]);

/**
 * The attributes of a distinguished name in DER, in order, with text in UTF8String, PrintableString or IA5String. Throws a
 * `DerError` for other string types and for names with several attributes side by side, which Mayfly never writes.
 */
export const readDistinguishedName = (der: Uint8Array): readonly NameAttribute[] => {
  const name = readWhole(der, 0x30);
  const attributes: NameAttribute[] = [];
  while (!name.atEnd) {
    const set = name.enter(0x31);
    const attribute = set.enter(0x30);
    const type = objectIdentifierText(attribute.read(0x06));
    const value = attribute.read();
    attribute.end();
    set.end();
    if (!STRING_TAGS.has(value.tag)) throw new DerError('a name in an unusual string type');
    attributes.push({ type, text: Buffer.from(value.content).toString('utf8') });
  }
  return attributes;
};
