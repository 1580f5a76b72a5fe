import { createHash } from 'node:crypto';

const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);

const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest();
};

/**
 * The Merkle root of RFC 6962 §2.1 over leaves that come one by one, worked out from the RFC alone: it shares nothing with
 * the server's tree, which it judges.
 */
export class Frontier {
  /** Roots of the full subtrees, largest first. */
  readonly #subtrees: { readonly size: number; readonly root: Buffer }[] = [];

  append(leaf: Uint8Array): void {
    let added = { size: 1, root: sha256(LEAF, leaf) };
    for (let last = this.#subtrees.at(-1); last?.size === added.size; last = this.#subtrees.at(-1)) {
      this.#subtrees.pop();
      added = { size: added.size * 2, root: sha256(NODE, last.root, added.root) };
    }
    this.#subtrees.push(added);
  }

  root(): Buffer {
    const roots = this.#subtrees.map(({ root }) => root);
    return roots.length === 0 ? sha256() : roots.reduceRight((right, left) => sha256(NODE, left, right));
  }
}
