import type { LogHead } from '../ports/ledger.ts';

/** How far the log has come, and the root that it had at an earlier size, hexadecimal. */
export interface StandingLog {
  readonly epoch: number;
  readonly size: number;
  rootAt(size: number): string;
}

/**
 * Why a head that someone outside remembers (DEC-11) cannot be part of this log's past: the store was rolled back, or it is
 * one of two copies that went different ways. Undefined when it can be. Heads of earlier epochs say nothing, since an
 * operator has accepted what was lost with them. Both must have the same log id.
 */
export const contradiction = (log: StandingLog, head: LogHead, who: string): string | undefined => {
  const at = `epoch ${head.epoch}, size ${head.size}`;
  if (head.epoch > log.epoch || (head.epoch === log.epoch && head.size > log.size)) {
    return `${who} knows more than the store: ${at} against epoch ${log.epoch}, size ${log.size}; the store was rolled back`;
  }
  if (head.epoch === log.epoch && log.rootAt(head.size) !== head.root) {
    return `the store and ${who} hold different logs at ${at}`;
  }
  return undefined;
};
