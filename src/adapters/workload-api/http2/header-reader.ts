import { ConnectionError, ERROR_CODE, FLAG, StreamError } from './frames.ts';
import { GatheredOctets } from './gathered-octets.ts';
import { DEFAULT_TABLE_BYTES, HpackDecoder } from './hpack-decoder.ts';
import type { Field } from './hpack-field.ts';
import { checkTrailers, RequestHead } from './request-head.ts';

/** A block of headers, as it comes and as it is meant. */
export const MAX_BLOCK_BYTES = 65_535;
/** Of one block. 24 KiB in frames of a KiB have to pass; empty frames without end do not. */
const MAX_CONTINUATIONS = 64;
/** Of blocks that are not whole, on all connections of a user: whoever begins one on each has far more otherwise. */
const MOST_BYTES_OF_USER = 8 * 1024 * 1024;
const PRIORITY_BYTES = 5;
/** Longer ones are not remembered: every connection remembers one. */
const MOST_REMEMBERED_BYTES = 1024;

/** Counts octets of blocks that are not whole, on all connections of a user. */
export interface BlockRoom {
  bytes: number;
}

/** A whole block of headers. */
export interface Headers {
  readonly stream: number;
  /** The client sends nothing more on this stream. */
  readonly endsStream: boolean;
  /** What the block says of a new stream. Throws `StreamError` where that is malformed. */
  readonly head: () => RequestHead;
  /** Looks at it as trailers. Throws `StreamError` where they are malformed. */
  readonly checkTrailers: () => void;
}

/** A block that has begun. */
interface OpenBlock {
  readonly stream: number;
  readonly endsStream: boolean;
  readonly isOfItself: boolean;
  readonly parts: GatheredOctets;
  continuations: number;
}

const protocol = (what: string): ConnectionError => new ConnectionError(ERROR_CODE.protocol, what);

/** The part of a HEADERS frame behind its padding and priority (RFC 9113 §6.2): what it depends on, and its headers. */
const unpacked = (content: Buffer, flags: number): { readonly dependsOn: number; readonly block: Buffer } => {
  const isPadded = (flags & FLAG.padded) !== 0;
  const hasPriority = (flags & FLAG.priority) !== 0;
  const start = (isPadded ? 1 : 0) + (hasPriority ? PRIORITY_BYTES : 0);
  if (content.length < start) throw new ConnectionError(ERROR_CODE.frameSize, 'a HEADERS frame that is too short');
  const padding = isPadded ? (content[0] ?? 0) : 0;
  if (content.length - start < padding) throw protocol('more padding than there is frame');
  const dependsOn = hasPriority ? content.readUInt32BE(isPadded ? 1 : 0) & 0x7fff_ffff : 0;
  return { dependsOn, block: content.subarray(start, content.length - padding) };
};

/** Puts blocks of headers together from their frames, and reads them, in the order of the connection. */
export class HeaderReader {
  readonly #room: BlockRoom;
  readonly #decoder = new HpackDecoder({ tableBytes: DEFAULT_TABLE_BYTES, listBytes: MAX_BLOCK_BYTES });
  #open: OpenBlock | undefined;
  /** What was read last, for a block of the same octets: most clients send the same one for each call. */
  #memo: { readonly changes: number; readonly block: Buffer; readonly head: RequestHead } | undefined;

  constructor(room: BlockRoom) {
    this.#room = room;
  }

  /** The stream whose block has begun, and is not whole: nothing else may come between. */
  get stream(): number | undefined {
    return this.#open?.stream;
  }

  /** Returns the block when it is whole. Throws `ConnectionError`. */
  begin(flags: number, stream: number, content: Buffer): Headers | undefined {
    const { dependsOn, block } = unpacked(content, flags);
    const endsStream = (flags & FLAG.endStream) !== 0;
    const open = {
      stream,
      endsStream,
      isOfItself: dependsOn === stream,
      parts: new GatheredOctets(),
      continuations: 0,
    };
    return this.#add(open, flags, block);
  }

  /** Returns the block when it is whole. Throws `ConnectionError`. */
  goOn(flags: number, content: Buffer): Headers | undefined {
    const open = this.#open;
    if (open === undefined) throw protocol('a CONTINUATION of nothing');
    open.continuations += 1;
    return this.#add(open, flags, content);
  }

  /** The connection is gone. */
  drop(): void {
    this.#room.bytes -= this.#open?.parts.length ?? 0;
    this.#open = undefined;
  }

  #add(open: OpenBlock, flags: number, part: Buffer): Headers | undefined {
    if (open.parts.length + part.length > MAX_BLOCK_BYTES || open.continuations > MAX_CONTINUATIONS)
      throw new ConnectionError(ERROR_CODE.enhanceYourCalm, 'too large a block of headers');
    if ((flags & FLAG.endHeaders) === 0) {
      if (this.#room.bytes + part.length > MOST_BYTES_OF_USER)
        throw new ConnectionError(ERROR_CODE.enhanceYourCalm, 'too many headers of one user are under way');
      this.#room.bytes += part.length;
      this.#open = open;
      open.parts.add(part);
      return undefined;
    }
    this.#room.bytes -= open.parts.length;
    this.#open = undefined;
    return this.#whole(open, open.parts.take(part));
  }

  /** Every block is decoded, whatever becomes of its stream: those after it need the table. */
  #whole({ stream, endsStream, isOfItself }: OpenBlock, block: Buffer): Headers {
    const { changes } = this.#decoder;
    const known = this.#memo?.changes === changes && this.#memo.block.equals(block) ? this.#memo.head : undefined;
    const fields: readonly Field[] = known === undefined ? this.#decoder.decode(block) : [];
    const isRepeatable = this.#decoder.changes === changes && block.length <= MOST_REMEMBERED_BYTES;
    const head = (): RequestHead => {
      if (isOfItself) throw new StreamError(ERROR_CODE.protocol, 'a stream that depends on itself');
      if (known !== undefined) return known;
      const read = new RequestHead(fields);
      if (isRepeatable) this.#memo = { changes, block: kept(block), head: read };
      return read;
    };
    // A block that was a request before has pseudo-headers.
    const asTrailers = (): void => {
      if (known !== undefined) throw new StreamError(ERROR_CODE.protocol, 'a second request on a stream');
      checkTrailers(fields);
    };
    return { stream, endsStream, head, checkTrailers: asTrailers };
  }
}

/** With octets of its own: those of the pool would keep 8 KiB alive. */
const kept = (octets: Buffer): Buffer => {
  const copy = Buffer.allocUnsafeSlow(octets.length);
  octets.copy(copy);
  return copy;
};
