/**
 * Canonical JSON in half its bytes, without loss. Leaves and details stay for good or for a year, and most of each is
 * member names and hexadecimal: names become one octet, digits half of one. Canonical JSON has no octet below 0x20
 * (RFC 8785 §3.2.2.2), so that these are free to stand for something else.
 */

/** The first octet of a packed text; JSON never begins with it. */
const PACKED = 0x01;
/** Hexadecimal digits follow: how many pairs, then one octet for each. */
const HEX_RUN = 0x02;
const FIRST_CODE = 0x03;
/** Shorter runs gain nothing. */
const MIN_RUN = 8;
const MAX_RUN = 2 * 255;

/** What the codes from `FIRST_CODE` on stand for. Stores hold these codes: no line may change or move. */
const FRAGMENTS = [
  '{"algorithm":"ES256","authority":"',
  '","c":"',
  '","credential":"x509-svid","digest":"',
  '","credential":"jwt-svid","digest":"',
  '","credential":"access-token","digest":"',
  '","id":"',
  '","k":"issued","notAfter":',
  ',"notBefore":',
  ',"role":"workload","t":',
  ',"v":1}',
  '{"agent":"spiffe://',
  '","entry":"',
  '","leans":{"agent":"=","authority":"=","caller":"',
  '","entry":{"id":"=","revision":',
  ',"policy":1',
  '},"spiffeId":"spiffe://',
  '","spki":"',
  ',"resource":{"identifier":"',
  '","revision":',
  '{"c":"',
  '","k":"',
  '","t":',
  '/mayfly/agent/',
  ',"dnsNames":[],"downstream":false,"federatesWith":[],"grants":[],"id":"',
  '","jwtAudiences":[],"parentId":"spiffe://',
  ',"selectors":["',
  '"],"spiffeId":"spiffe://',
  '","updatedAt":',
  '},"leans":{"policy":1}}',
];

const fragments = FRAGMENTS.map((text) => Buffer.from(text));

/** Follows the fragments octet by octet: `NEXT[node * WIDTH + octet]` is the node after it, 0 where no fragment goes on. */
const WIDTH = 128;
const NODES = 1 + fragments.reduce((total, { length }) => total + length, 0);
const NEXT = new Uint16Array(NODES * WIDTH);
/** The code of the fragment that ends at a node, or 0. */
const ENDS = new Uint8Array(NODES);

let nodes = 1;
for (const [at, fragment] of fragments.entries()) {
  let node = 0;
  for (const octet of fragment) {
    const place = node * WIDTH + octet;
    if (NEXT[place] === 0) NEXT[place] = nodes++;
    node = NEXT[place] ?? 0;
  }
  ENDS[node] = FIRST_CODE + at;
}

const NO_DIGIT = 16;
/** The value of a lower-case hexadecimal digit. */
const DIGIT = new Uint8Array(256).fill(NO_DIGIT);
for (const [value, digit] of Buffer.from('0123456789abcdef').entries()) DIGIT[digit] = value;
const DIGITS = Buffer.from('0123456789abcdef');

const valueOf = (octet: number | undefined): number => DIGIT[octet ?? 0] ?? NO_DIGIT;

/** What an octet may be the beginning of; no fragment begins with a digit. */
const PLAIN = 0;
const FRAGMENT = 1;
const HEX = 2;
const CONTROL = 3;
const BEGINS = new Uint8Array(256).fill(CONTROL, 0, 0x20);
for (const [first = 0] of fragments) BEGINS[first] = FRAGMENT;
for (const digit of DIGITS) BEGINS[digit] = HEX;

/** The text in fewer octets, or as it is when it holds an octet below 0x20: then it is no canonical JSON. */
export const packText = (text: Uint8Array): Uint8Array => {
  const { length } = text;
  const packed = Buffer.allocUnsafe(length + 1);
  packed[0] = PACKED;
  let to = 1;
  let at = 0;
  while (at < length) {
    const octet = text[at] ?? 0;
    const begins = BEGINS[octet];
    if (begins === PLAIN) {
      packed[to++] = octet;
      at += 1;
      continue;
    }
    if (begins === CONTROL) return text;

    if (begins === FRAGMENT) {
      let code = octet;
      let after = at + 1;
      let node = 0;
      for (let next = at; next < length; next += 1) {
        const follow = text[next] ?? 0;
        node = follow < WIDTH ? (NEXT[node * WIDTH + follow] ?? 0) : 0;
        if (node === 0) break;
        if (ENDS[node] === 0) continue;
        code = ENDS[node] ?? 0;
        after = next + 1;
      }
      packed[to++] = code;
      at = after;
      continue;
    }

    let end = at + 1;
    while (end < length && end - at < MAX_RUN && valueOf(text[end]) < NO_DIGIT) end += 1;
    if (end - at < MIN_RUN) {
      while (at < end) packed[to++] = text[at++] ?? 0;
      continue;
    }
    const pairs = (end - at) >> 1;
    packed[to++] = HEX_RUN;
    packed[to++] = pairs;
    for (let pair = 0; pair < pairs; pair += 1, at += 2) {
      packed[to++] = (valueOf(text[at]) << 4) | valueOf(text[at + 1]);
    }
  }
  return packed.subarray(0, to);
};

/** How long the text of packed octets is; undefined when they are none. */
const unpackedLength = (packed: Uint8Array): number | undefined => {
  let length = 0;
  for (let at = 1; at < packed.length; at += 1) {
    const octet = packed[at] ?? 0;
    if (octet >= 0x20) {
      length += 1;
    } else if (octet === HEX_RUN) {
      const pairs = packed[at + 1] ?? 0;
      length += 2 * pairs;
      at += 1 + pairs;
      if (at >= packed.length) return undefined;
    } else {
      const fragment = fragments[octet - FIRST_CODE];
      if (!fragment) return undefined;
      length += fragment.length;
    }
  }
  return length;
};

/** The text as it was. What was never packed, or was damaged since, comes back as it is: its hash will tell. */
export const unpackText = (packed: Uint8Array): Uint8Array => {
  if (packed[0] !== PACKED) return packed;
  const length = unpackedLength(packed);
  if (length === undefined) return packed;
  const text = Buffer.allocUnsafe(length);
  let to = 0;
  for (let at = 1; at < packed.length; at += 1) {
    const octet = packed[at] ?? 0;
    if (octet >= 0x20) {
      text[to++] = octet;
    } else if (octet === HEX_RUN) {
      const pairs = packed[++at] ?? 0;
      for (let pair = 0; pair < pairs; pair += 1) {
        const value = packed[++at] ?? 0;
        text[to++] = DIGITS[value >> 4] ?? 0;
        text[to++] = DIGITS[value & 15] ?? 0;
      }
    } else {
      const fragment = fragments[octet - FIRST_CODE] ?? Buffer.alloc(0);
      text.set(fragment, to);
      to += fragment.length;
    }
  }
  return text;
};
