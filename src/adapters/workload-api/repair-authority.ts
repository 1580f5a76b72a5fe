import {
  ConnectionError,
  ERROR_CODE,
  FLAG,
  FRAME_HEADER_BYTES,
  FRAME_TYPE,
  MAX_FRAME_BYTES,
  PREFACE,
  writeFrameHeader,
} from './frames.ts';
import { DEFAULT_TABLE_BYTES, HpackDecoder, staticFields } from './hpack-decoder.ts';
import { createField, type Field, type FieldPlace, KnownFields } from './hpack-field.ts';
import type { OpenStreams } from './open-streams.ts';

/** Headers that begin so are ours: what a client sends under such a name is taken away. */
const RESERVED_PREFIX = Buffer.from('x-mayfly-');
/** Names the connection that a request came on. */
export const CALLER_HEADER = 'x-mayfly-caller';

/** A block of headers, as it comes and as it is meant. That of the server behind is the same. */
const MAX_BLOCK_BYTES = 65_535;
/** What a request is worth in frames that ask for nothing. */
const REQUEST_WORK = 16;
/** Of one block. 24 KiB in frames of a KiB have to pass; empty frames without end do not. */
const MAX_CONTINUATIONS = 64;

const AUTHORITY = Buffer.from(':authority');
const HOST = Buffer.from('host');
const COLON = 0x3a;

/** `host` says what `:authority` says, and is looked at as strictly. */
const placeOf = (name: Buffer): FieldPlace => {
  if (name[0] === COLON) return name.equals(AUTHORITY) ? 'nowhere' : 'pseudo';
  if (name.equals(HOST)) return 'nowhere';
  const isReserved = name.subarray(0, RESERVED_PREFIX.length).equals(RESERVED_PREFIX);
  return isReserved ? 'nowhere' : 'ordinary';
};

const SHARED_FIELDS = { fixed: staticFields(placeOf), known: new KnownFields() };
const LOCALHOST = createField(AUTHORITY, Buffer.from('localhost'), placeOf, true).literal;

/** A block of headers that has begun. */
interface OpenBlock {
  readonly stream: number;
  readonly endsStream: boolean;
  readonly parts: Buffer[];
  bytes: number;
  continuations: number;
}

const protocol = (what: string): ConnectionError => new ConnectionError(ERROR_CODE.protocol, what);

/** The part of a HEADERS frame that is headers: without padding and priority (RFC 9113 §6.2). */
const blockOf = (content: Buffer, flags: number): Buffer => {
  const isPadded = (flags & FLAG.padded) !== 0;
  const start = (isPadded ? 1 : 0) + ((flags & FLAG.priority) !== 0 ? 5 : 0);
  if (content.length < start) throw new ConnectionError(ERROR_CODE.frameSize, 'a HEADERS frame that is too short');
  const padding = isPadded ? (content[0] ?? 0) : 0;
  if (content.length - start < padding) throw protocol('more padding than there is frame');
  return content.subarray(start, content.length - padding);
};

/** Sorts what goes into a request: pseudo-headers first, the authority among them, the caller's name last. */
const requestParts = (fields: readonly Field[], callerField: Buffer): readonly Buffer[] => [
  ...fields.filter(({ place }) => place === 'pseudo').map(({ literal }) => literal),
  LOCALHOST,
  ...fields.filter(({ place }) => place === 'ordinary').map(({ literal }) => literal),
  callerField,
];

const trailerParts = (fields: readonly Field[]): readonly Buffer[] =>
  fields.filter(({ place }) => place !== 'nowhere').map(({ literal }) => literal);

type ClientStreams = Pick<OpenStreams, 'opened' | 'clientEnded' | 'closed'>;

/**
 * What a client of HTTP/2 sends, changed so that the server behind takes it whatever its `:authority` is (WLE-17): some
 * clients put the path of the socket there, or nothing. Blocks of headers are read and written anew, without any table;
 * requests get `:authority` localhost and a header with the name of their connection, which no client can send. All
 * other frames pass as they are. Give it what comes, in order; what it throws is a `ConnectionError`, after which the
 * connection is over.
 */
export class AuthorityRepair {
  readonly #decoder = new HpackDecoder(
    { tableBytes: DEFAULT_TABLE_BYTES, listBytes: MAX_BLOCK_BYTES },
    placeOf,
    SHARED_FIELDS,
  );
  readonly #callerField: Buffer;
  readonly #streams: ClientStreams;
  /** The beginning of a frame whose other part has not come. */
  readonly #head = Buffer.alloc(FRAME_HEADER_BYTES);
  #headBytes = 0;
  #prefaceBytes = 0;
  /** Of the frame under way. */
  #left = 0;
  #isGathering = false;
  #gathered: Buffer[] = [];
  #flags = 0;
  #block: OpenBlock | undefined;
  #lastStream = 0;
  #work = 0;
  /** What was written last, for a block of the same octets: most clients send the same one for each call. */
  #memo: { readonly changes: number; readonly block: Buffer; readonly written: Buffer } | undefined;

  /** `streams` hears of what the client opens and resets. */
  constructor(caller: string, streams: ClientStreams) {
    this.#streams = streams;
    this.#callerField = createField(Buffer.from(CALLER_HEADER), Buffer.from(caller), placeOf, true).literal;
  }

  /** Has the client shown that it speaks HTTP/2? */
  get isUnderWay(): boolean {
    return this.#prefaceBytes === PREFACE.length;
  }

  /** The highest stream that the client has opened. */
  get lastStream(): number {
    return this.#lastStream;
  }

  next(chunk: Buffer): Buffer {
    const output: Buffer[] = [];
    let at = this.#preface(chunk);
    /** What passes as it is, from here on. */
    let start = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        const needed = FRAME_HEADER_BYTES - this.#headBytes;
        if (chunk.length - at < needed) {
          if (at > start) output.push(chunk.subarray(start, at));
          this.#headBytes += chunk.copy(this.#head, this.#headBytes, at);
          start = chunk.length;
          break;
        }
        const isSplit = this.#headBytes > 0;
        if (isSplit) chunk.copy(this.#head, this.#headBytes, at, at + needed);
        this.#headBytes = 0;
        this.#begin(isSplit ? this.#head : chunk, isSplit ? 0 : at);
        if (this.#isGathering && at > start) output.push(chunk.subarray(start, at));
        else if (isSplit && !this.#isGathering) output.push(Buffer.from(this.#head));
        at += needed;
        if (isSplit || this.#isGathering) start = at;
      }
      const end = Math.min(chunk.length, at + this.#left);
      this.#left -= end - at;
      if (this.#isGathering) {
        this.#gathered.push(chunk.subarray(at, end));
        if (this.#left === 0) this.#headersEnd(output);
        start = end;
      }
      at = end;
    }
    if (at > start) output.push(chunk.subarray(start, at));
    const [only] = output;
    return output.length === 1 && only !== undefined ? only : Buffer.concat(output);
  }

  /** Returns where the frames begin. */
  #preface(chunk: Buffer): number {
    const bytes = Math.min(PREFACE.length - this.#prefaceBytes, chunk.length);
    if (bytes === 0) return 0;
    const isGood = PREFACE.compare(chunk, 0, bytes, this.#prefaceBytes, this.#prefaceBytes + bytes) === 0;
    if (!isGood) throw protocol('no preface of HTTP/2');
    this.#prefaceBytes += bytes;
    return bytes;
  }

  /** What came since this was asked last: a frame is worth one, a block of headers many. */
  takeWork(): number {
    const work = this.#work;
    this.#work = 0;
    return work;
  }

  #begin(head: Buffer, at: number): void {
    this.#work += 1;
    const length = head.readUIntBE(at, 3);
    const type = head[at + 3];
    const flags = head[at + 4] ?? 0;
    const stream = head.readUInt32BE(at + 5) & 0x7fff_ffff;
    const isContinuation = type === FRAME_TYPE.continuation;
    if (this.#block !== undefined ? !isContinuation || stream !== this.#block.stream : isContinuation)
      throw protocol('a frame that is not the next of its block of headers');
    this.#left = length;
    this.#isGathering = isContinuation || type === FRAME_TYPE.headers;
    if (type === FRAME_TYPE.reset) this.#streams.closed(stream);
    else if (type === FRAME_TYPE.data && (flags & FLAG.endStream) !== 0) this.#streams.clientEnded(stream);
    if (!this.#isGathering) return;
    this.#work += REQUEST_WORK;
    if (stream === 0) throw protocol('headers of no stream');
    if (length > MAX_FRAME_BYTES) throw new ConnectionError(ERROR_CODE.frameSize, 'a frame that is too large');
    this.#flags = flags;
    this.#gathered = [];
    this.#block ??= {
      stream,
      endsStream: (flags & FLAG.endStream) !== 0,
      parts: [],
      bytes: 0,
      continuations: -1,
    };
    this.#block.bytes += length;
    this.#block.continuations += 1;
    if (this.#block.bytes > MAX_BLOCK_BYTES || this.#block.continuations > MAX_CONTINUATIONS)
      throw new ConnectionError(ERROR_CODE.enhanceYourCalm, 'too large a block of headers');
  }

  /** The whole content of a HEADERS or CONTINUATION frame is here. */
  #headersEnd(output: Buffer[]): void {
    const open = this.#block;
    if (open === undefined) return;
    const content = joined(this.#gathered);
    this.#gathered = [];
    const isFirst = open.continuations === 0;
    open.parts.push(isFirst ? blockOf(content, this.#flags) : content);
    if ((this.#flags & FLAG.endHeaders) === 0) return;
    this.#block = undefined;
    const isRequest = open.stream > this.#lastStream;
    if (isRequest) {
      this.#lastStream = open.stream;
      this.#streams.opened(open.stream, open.endsStream);
    } else if (open.endsStream) {
      this.#streams.clientEnded(open.stream);
    }
    output.push(this.#frames(this.#written(joined(open.parts), isRequest), open));
  }

  #written(block: Buffer, isRequest: boolean): Buffer {
    const { changes } = this.#decoder;
    if (isRequest && this.#memo?.changes === changes && this.#memo.block.equals(block)) return this.#memo.written;
    const fields = this.#decoder.decode(block);
    if (!isRequest) return Buffer.concat(trailerParts(fields));
    const written = Buffer.concat(requestParts(fields, this.#callerField));
    if (this.#decoder.changes === changes) this.#memo = { changes, block: kept(block), written: kept(written) };
    return written;
  }

  /** A HEADERS frame, and as many CONTINUATION frames as are needed. */
  #frames(block: Buffer, { stream, endsStream }: OpenBlock): Buffer {
    const count = Math.max(1, Math.ceil(block.length / MAX_FRAME_BYTES));
    const output = Buffer.allocUnsafe(block.length + count * FRAME_HEADER_BYTES);
    let at = 0;
    for (let index = 0; index < count; index++) {
      const start = index * MAX_FRAME_BYTES;
      const length = Math.min(MAX_FRAME_BYTES, block.length - start);
      const isFirst = index === 0;
      const type = isFirst ? FRAME_TYPE.headers : FRAME_TYPE.continuation;
      const flags = (isFirst && endsStream ? FLAG.endStream : 0) | (index === count - 1 ? FLAG.endHeaders : 0);
      at = writeFrameHeader(output, at, { length, type, flags, stream });
      at += block.copy(output, at, start, start + length);
    }
    return output;
  }
}

/** With octets of its own: those of the pool would keep 8 KiB alive. */
const kept = (octets: Buffer): Buffer => {
  const copy = Buffer.allocUnsafeSlow(octets.length);
  octets.copy(copy);
  return copy;
};

const joined = (parts: readonly Buffer[]): Buffer => {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
};
