import { changeBytes, type Mutator } from './mutate.ts';
import type { Random } from './random.ts';

/** An element of BER as a tree that can be changed; it shares nothing with the reader under test. */
export interface Node {
  tag: number;
  /** Before the children: the octet that counts the unused bits of a BIT STRING. */
  prefix: Buffer;
  content: Buffer;
  children: Node[];
}

const CONSTRUCTED = 0x20;

const readOne = (bytes: Buffer, at: number, depth: number): readonly [Node, number] | undefined => {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || octets > 3 || at + 2 + octets > bytes.length) return undefined;
  const length = octets === 0 ? first : bytes.readUIntBE(at + 2, octets);
  const start = at + 2 + octets;
  if (start + length > bytes.length) return undefined;
  const content = bytes.subarray(start, start + length);
  const skipped = tag === 0x03 ? 1 : 0;
  const mayHold = (tag & CONSTRUCTED) !== 0 || tag === 0x03 || tag === 0x04;
  const children = mayHold && depth < 12 ? readNodes(content.subarray(skipped), depth + 1) : undefined;
  return [{ tag, prefix: content.subarray(0, skipped), content, children: children ?? [] }, start + length];
};

/** The elements that `bytes` are, or undefined when they are something else. */
export const readNodes = (bytes: Buffer, depth = 0): Node[] | undefined => {
  const nodes: Node[] = [];
  for (let at = 0; at < bytes.length; ) {
    const found = readOne(bytes, at, depth);
    if (found === undefined) return undefined;
    nodes.push(found[0]);
    at = found[1];
  }
  return nodes;
};

const header = (tag: number, length: number): Buffer => {
  if (length < 0x80) return Buffer.of(tag, length);
  return length < 0x100 ? Buffer.of(tag, 0x81, length) : Buffer.of(tag, 0x82, length >> 8, length & 0xff);
};

export const writeNode = (node: Node): Buffer => {
  const content =
    node.children.length === 0 ? node.content : Buffer.concat([node.prefix, ...node.children.map(writeNode)]);
  return Buffer.concat([header(node.tag, content.length), content]);
};

const descendants = (node: Node): Node[] => [node, ...node.children.flatMap(descendants)];

const TAGS = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x17, 0x18, 0x30, 0x31, 0x80, 0x82, 0x86, 0xa0, 0xa3];

const changeNode = (random: Random, node: Node, others: readonly Node[]): void => {
  const choice = random.below(7);
  const { children } = node;
  const at = random.below(Math.max(1, children.length));
  if (choice === 0) node.tag = random.pick(TAGS);
  else if (choice === 1 && children.length > 0) children.splice(at, 1);
  else if (choice === 2 && children.length > 0) children.splice(at, 0, structuredClone(random.pick(children)));
  else if (choice === 3) children.splice(at, random.below(2), structuredClone(random.pick(others)));
  else if (choice === 4 && children.length > 1) children.push(...children.splice(at, 1));
  else if (children.length === 0) node.content = changeBytes(random, Buffer.from(node.content), [node.content], []);
  else Object.assign(random.pick(children), structuredClone(random.pick(others)));
};

/** Structures are shared by `structuredClone`, which turns Buffers into plain arrays of octets. */
const asBuffers = (node: Node): Node => ({
  tag: node.tag,
  prefix: Buffer.from(node.prefix),
  content: Buffer.from(node.content),
  children: node.children.map(asBuffers),
});

/** Changes elements of DER and writes all lengths anew; now and then bytes, so that lengths go wrong too. */
export const derMutator: Mutator = (random, pool) => {
  const input = Buffer.from(random.pick(pool));
  const [root] = readNodes(input) ?? [];
  if (root === undefined || random.oneIn(5)) return changeBytes(random, input, pool, []);
  const others = [root, ...(readNodes(Buffer.from(random.pick(pool))) ?? [])].flatMap(descendants);
  for (let left = 1 + random.below(3); left > 0; left--) changeNode(random, random.pick(descendants(root)), others);
  return writeNode(asBuffers(root)).subarray(0, 16 * 1024);
};
