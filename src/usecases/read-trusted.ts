import type { Authority } from '../domain/authority.ts';
import type { Views } from '../ports/views.ts';

/** The authorities, and the sequence of the bundle that tells of them. */
export interface Trusted {
  readonly authorities: readonly Authority[];
  readonly sequence: number;
}

/**
 * Both from one state of the ledger: a commit between the two reads would put one content under two sequences (TDB-2).
 */
export const readTrusted = ({ authorities }: Pick<Views, 'authorities'>): Trusted => {
  for (;;) {
    const sequence = authorities.bundleSequence();
    const list = authorities.list();
    if (authorities.bundleSequence() === sequence) return { authorities: list, sequence };
  }
};
