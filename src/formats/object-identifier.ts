import { type DerElement, DerError } from './der-reader.ts';

const MAX_OCTETS = 64;

const decode = (content: Uint8Array): string => {
  let text = '';
  let arc = 0;
  let isArcOpen = false;
  for (const octet of content) {
    if (!isArcOpen && octet === 0x80) throw new DerError('an OBJECT IDENTIFIER that is not the shortest');
    arc = arc * 128 + (octet & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw new DerError('an OBJECT IDENTIFIER out of range');
    isArcOpen = octet >= 0x80;
    if (isArcOpen) continue;
    if (text === '') {
      const root = arc < 40 ? 0 : arc < 80 ? 1 : 2;
      text = `${root}.${arc - root * 40}`;
    } else text += `.${arc}`;
    arc = 0;
  }
  if (isArcOpen) throw new DerError('an OBJECT IDENTIFIER that ends too early');
  return text;
};

interface Decoded {
  readonly content: Uint8Array;
  readonly text: string;
}

/**
 * What was decoded last, by a few bits of a hash. Certificates of one world name a dozen identifiers over and over, and their
 * text is most of what reading one would leave to the collector. A stranger's identifiers can push ours out, and no more.
 */
const SLOTS = 64;
const decoded: (Decoded | undefined)[] = Array.from({ length: SLOTS }, () => undefined);

const slotOf = (element: DerElement): number => {
  let hash = element.length;
  for (let at = 0; at < element.length; at += 1) hash = (Math.imul(hash, 31) + (element.octet(at) ?? 0)) | 0;
  return (hash ^ (hash >>> 8)) & (SLOTS - 1);
};

const isContent = (element: DerElement, content: Uint8Array): boolean => {
  if (content.length !== element.length) return false;
  for (let at = 0; at < content.length; at += 1) if (content[at] !== element.octet(at)) return false;
  return true;
};

/** The dotted form of an OBJECT IDENTIFIER (X.690 §8.19) of at most 64 octets. Throws a `DerError` when it is none. */
export const objectIdentifierText = (element: DerElement): string => {
  const { tag, length } = element;
  if (tag !== 0x06 || length === 0 || length > MAX_OCTETS) throw new DerError('not an OBJECT IDENTIFIER');
  const slot = slotOf(element);
  const known = decoded[slot];
  if (known !== undefined && isContent(element, known.content)) return known.text;
  const content = Uint8Array.from(element.content);
  const text = decode(content);
  decoded[slot] = { content, text };
  return text;
};
