import type { Cursor } from '../domain/cursor.ts';
import type { SpiffeId } from '../domain/spiffe-id.ts';
import type { HeldSvid } from './held-svid.ts';
import type { HeldToken } from './held-token.ts';
import type { ViewPart } from './synced-view.ts';

/** What an agent keeps over its own restart. */
export interface KeptHoldings {
  readonly agent: SpiffeId;
  /** Unix milliseconds at which the server last confirmed this. */
  readonly lastWord: number;
  /** Seconds. */
  readonly x509Ttl: number;
  readonly cursor: Cursor;
  readonly parts: readonly ViewPart[];
  readonly svids: readonly HeldSvid[];
  readonly tokens: readonly HeldToken[];
}

const VERSION = 1;

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

interface WrittenSvid extends Omit<HeldSvid, 'chain' | 'key'> {
  readonly chain: readonly string[];
  readonly key: string;
}

export const writeKept = (kept: KeptHoldings): Uint8Array => {
  const svids = kept.svids.map((svid): WrittenSvid => ({ ...svid, chain: svid.chain.map(text), key: text(svid.key) }));
  return Buffer.from(JSON.stringify({ version: VERSION, ...kept, svids }));
};

/**
 * Reads what `writeKept` wrote; undefined when another version wrote it. Its shape is not checked further, since this agent sealed
 * it. Throws when it is not JSON.
 */
export const readKept = (written: Uint8Array): KeptHoldings | undefined => {
  const read = JSON.parse(Buffer.from(written).toString('utf8')) as Omit<KeptHoldings, 'svids'> & {
    readonly version: number;
    readonly svids: readonly WrittenSvid[];
  };
  if (read.version !== VERSION) return undefined;
  const { version: _version, svids, ...rest } = read;
  return { ...rest, svids: svids.map((svid) => ({ ...svid, chain: svid.chain.map(bytes), key: bytes(svid.key) })) };
};
