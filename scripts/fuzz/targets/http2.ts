import { ConnectionError, PREFACE } from '../../../src/adapters/workload-api/frames.ts';
import { OpenStreams } from '../../../src/adapters/workload-api/open-streams.ts';
import { AuthorityRepair, CALLER_HEADER } from '../../../src/adapters/workload-api/repair-authority.ts';
import { bytesMutator, eitherMutator, type Mutator } from '../mutate.ts';
import { demand, type Target } from '../target.ts';

const CALLER = '0123456789abcdef0123456789abcdef';
const HEADERS = 1;
const CONTINUATION = 9;
const END_HEADERS = 4;

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly content: Buffer;
}

const writeFrame = ({ type, flags, stream, content }: Frame): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(content.length, 0, 3);
  head.set([type, flags], 3);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, content]);
};

/** Whole frames only; what is left of one at the end stays out. */
const readFrames = (bytes: Buffer): readonly Frame[] => {
  const frames: Frame[] = [];
  let rest = bytes;
  while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
    const end = 9 + rest.readUIntBE(0, 3);
    const [, , , type = 0, flags = 0] = rest;
    frames.push({ type, flags, stream: rest.readUInt32BE(5), content: rest.subarray(9, end) });
    rest = rest.subarray(end);
  }
  return frames;
};

const isOfHeaders = ({ type }: Frame): boolean => type === HEADERS || type === CONTINUATION;

/** Headers of a block that has plain literals alone: the only form that the repair writes. */
const readLiterals = (block: Buffer): readonly (readonly [string, string])[] => {
  const fields: (readonly [string, string])[] = [];
  let at = 0;
  const text = (): string => {
    let length = block[at++] ?? 0;
    demand(length < 0x80, 'a text was written in Huffman code');
    for (let shift = 0, more = length === 0x7f; more; shift += 7) {
      const octet = block[at++] ?? 0;
      length += (octet & 0x7f) << shift;
      more = octet >= 0x80;
    }
    demand(at + length <= block.length, 'a text was written that is longer than its block');
    at += length;
    return block.toString('latin1', at - length, at);
  };
  while (at < block.length) {
    demand(block[at++] === 0, 'a header was written in another form than a literal');
    fields.push([text(), text()]);
  }
  return fields;
};

/** All that a connection says, in pieces of a size; undefined where the rules were broken. */
const repaired = (input: Buffer, pieceBytes: number): Buffer | undefined => {
  const repair = new AuthorityRepair(CALLER, new OpenStreams({ open: 0 }));
  const output: Buffer[] = [repair.next(PREFACE)];
  try {
    for (let at = 0; at < input.length; at += pieceBytes)
      output.push(Buffer.from(repair.next(input.subarray(at, at + pieceBytes))));
  } catch (error) {
    if (error instanceof ConnectionError) return undefined;
    throw error;
  }
  return Buffer.concat(output).subarray(PREFACE.length);
};

const checkRequest = (fields: readonly (readonly [string, string])[]): void => {
  const names = fields.map(([name]) => name);
  const firstOrdinary = names.findIndex((name) => !name.startsWith(':'));
  demand(!names.slice(firstOrdinary).some((name) => name.startsWith(':')), 'a pseudo-header after an ordinary one');
  const authorities = fields.filter(([name]) => name === ':authority').map(([, value]) => value);
  demand(authorities.join() === 'localhost', 'another authority than localhost');
  const ours = fields.filter(([name]) => name.startsWith('x-mayfly-'));
  demand(ours.length === 1 && String(ours[0]) === `${CALLER_HEADER},${CALLER}`, 'a request in another name');
  demand(!names.includes('host'), 'a host beside the authority');
};

const checkHeaders = (frames: readonly Frame[]): void => {
  let lastStream = 0;
  let parts: Buffer[] = [];
  for (const { flags, stream, content } of frames) {
    parts.push(content);
    if ((flags & END_HEADERS) === 0) continue;
    const fields = readLiterals(Buffer.concat(parts));
    parts = [];
    if (stream > lastStream) checkRequest(fields);
    lastStream = Math.max(lastStream, stream);
  }
};

const block = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const headers = (content: Buffer, stream = 1, flags = END_HEADERS): Buffer =>
  writeFrame({ type: HEADERS, flags, stream, content });

/** Changes what is inside of a frame, and tells its length anew. */
const frameMutator: Mutator = (random, pool) => {
  const frames = readFrames(Buffer.from(random.pick(pool)));
  if (frames.length === 0) return Buffer.from(random.pick(pool));
  const chosen = random.below(frames.length);
  const changed = frames.map((each, at) =>
    at === chosen ? { ...each, content: bytesMutator()(random, [each.content]) } : each,
  );
  return Buffer.concat(changed.map(writeFrame));
};

export const http2: Target = {
  seeds: [
    Buffer.concat([
      writeFrame({ type: 4, flags: 0, stream: 0, content: Buffer.alloc(0) }),
      headers(block('828684 410f 7777772e6578616d706c652e636f6d')),
      writeFrame({ type: 0, flags: 1, stream: 1, content: Buffer.alloc(5) }),
      headers(block('828684be 5808 6e6f2d6361636865'), 3),
      headers(block('400a 782d6d6179666c792d61 0162'), 3, 5),
    ]),
    Buffer.concat([
      headers(block('828684 418c f1e3c2e5f23a6ba0ab90f4ff'), 1, 0),
      writeFrame({ type: CONTINUATION, flags: 0, stream: 1, content: block('5886a8eb10649cbf') }),
      writeFrame({
        type: CONTINUATION,
        flags: END_HEADERS,
        stream: 1,
        content: block('408825a849e95ba97d7f8925a849e95bb8e8b4bf'),
      }),
      headers(block('be bf c0 66 0161'), 5),
    ]),
    headers(block('03 0000000010 82 000000'), 1, 0x2c),
    headers(block('3fe11f 20 82 0f 17 03 612f62'), 1),
  ],
  mutate: eitherMutator(bytesMutator(), frameMutator),
  sources: [
    'adapters/workload-api/repair-authority.ts',
    'adapters/workload-api/hpack-decoder.ts',
    'adapters/workload-api/hpack-field.ts',
    'adapters/workload-api/hpack-huffman.ts',
  ],
  run: (input) => {
    const bytes = Buffer.from(input);
    const whole = repaired(bytes, Math.max(1, bytes.length));
    const inPieces = repaired(bytes, 1 + ((bytes[0] ?? 0) % 13));
    demand((whole === undefined) === (inPieces === undefined), 'the size of pieces decides');
    if (whole === undefined || inPieces === undefined) return false;
    const frames = readFrames(whole);
    checkHeaders(frames.filter(isOfHeaders));
    const others = (of: readonly Frame[]): string =>
      of
        .filter((each) => !isOfHeaders(each))
        .map((each) => writeFrame(each).toString('hex'))
        .join();
    demand(others(frames) === others(readFrames(bytes)), 'another frame was changed');
    demand(others(readFrames(inPieces)) === others(frames), 'pieces come out otherwise');
    return true;
  },
};
