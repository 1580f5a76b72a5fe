import { ConnectionError, PREFACE, SETTINGS_ACK } from '../../../src/adapters/workload-api/http2/frames.ts';
import { Outbox, type OutboxSocket } from '../../../src/adapters/workload-api/http2/outbox.ts';
import { ServerConnection } from '../../../src/adapters/workload-api/http2/server-connection.ts';
import { bytesMutator, eitherMutator, type Mutator } from '../mutate.ts';
import { demand, type Target } from '../target.ts';

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

/** Takes all that is sent, and keeps it. */
const keeping = (sent: Buffer[]): OutboxSocket => ({
  writableLength: 0,
  destroyed: false,
  cork: () => undefined,
  uncork: () => undefined,
  write: (octets) => sent.push(octets),
});

interface Outcome {
  /** What the requests were, in order, and what they ended with; then why the connection ended, if it did. */
  readonly story: readonly string[];
  readonly sent: Buffer;
  readonly isWhole: boolean;
}

/** All that a connection says, in pieces of a size. Every other request is answered with as much as it says. */
const served = (input: Buffer, pieceBytes: number): Outcome => {
  const story: string[] = [];
  const sent: Buffer[] = [];
  const outbox = new Outbox(keeping(sent), () => undefined);
  const streams = { open: 0 };
  const blocks = { bytes: 0 };
  const connection: ServerConnection = new ServerConnection({
    outbox,
    streams,
    blocks,
    idle: () => undefined,
    accept: (stream, head) => {
      const content: Buffer[] = [];
      story.push(`${stream.id} ${head.method} ${head.path} ${String(head.get('user-agent'))}`);
      return {
        data: (octets) => {
          content.push(Buffer.from(octets));
          stream.consume(octets.length);
        },
        end: () => {
          const all = Buffer.concat(content);
          story.push(`${stream.id} ends ${all.toString('hex')}`);
          if (stream.id % 4 === 1) return;
          if (all.length > 0) stream.write(all);
          stream.end(Buffer.of(0x88));
        },
        gone: () => story.push(`${stream.id} gone`),
      };
    },
  });
  let isWhole = true;
  try {
    connection.read(PREFACE);
    for (let at = 0; at < input.length; at += pieceBytes) connection.read(input.subarray(at, at + pieceBytes));
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    story.push(`broken ${error.code}`);
    isWhole = false;
  }
  demand(streams.open === connection.openStreams && streams.open <= 128, 'streams are counted wrongly');
  outbox.flush();
  connection.gone();
  demand(streams.open === 0, 'streams are open on a connection that is gone');
  demand(blocks.bytes === 0, 'headers are counted on a connection that is gone');
  return { story, sent: Buffer.concat(sent), isWhole };
};

const checkSent = (sent: Buffer): void => {
  const frames = readFrames(sent);
  const bytes = frames.reduce((sum, { content }) => sum + 9 + content.length, 0);
  demand(bytes === sent.length, 'a frame was cut off');
  demand(frames.length === 0 || frames[0]?.type === SETTINGS_ACK[3], 'something was said before SETTINGS');
};

const block = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const SETTINGS = writeFrame({ type: 4, flags: 0, stream: 0, content: Buffer.alloc(0) });
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
      SETTINGS,
      headers(block('828684 410f 7777772e6578616d706c652e636f6d')),
      writeFrame({ type: 0, flags: 1, stream: 1, content: Buffer.alloc(5) }),
      headers(block('828684be 5808 6e6f2d6361636865'), 3),
      headers(block('400a 782d6d6179666c792d61 0162'), 3, 5),
    ]),
    Buffer.concat([
      SETTINGS,
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
    Buffer.concat([SETTINGS, headers(block('03 0000000010 838684 000000'), 1, 0x2c)]),
    Buffer.concat([SETTINGS, headers(block('3fe11f 20 838684 0f 17 03 612f62'), 1)]),
    Buffer.concat([
      writeFrame({ type: 4, flags: 0, stream: 0, content: block('0004 00000003 0005 00008000') }),
      headers(block('838684'), 3),
      writeFrame({ type: 0, flags: 9, stream: 3, content: block('02 6162636465666768 0000') }),
      writeFrame({ type: 8, flags: 0, stream: 3, content: block('00000004') }),
      writeFrame({ type: 8, flags: 0, stream: 0, content: block('00010000') }),
      writeFrame({ type: 4, flags: 0, stream: 0, content: block('0004 00000001') }),
      writeFrame({ type: 6, flags: 0, stream: 0, content: Buffer.alloc(8) }),
      writeFrame({ type: 3, flags: 0, stream: 3, content: block('00000008') }),
    ]),
  ],
  mutate: eitherMutator(bytesMutator(), frameMutator),
  sources: [
    'adapters/workload-api/http2/frame-reader.ts',
    'adapters/workload-api/http2/header-reader.ts',
    'adapters/workload-api/http2/hpack-decoder.ts',
    'adapters/workload-api/http2/hpack-huffman.ts',
    'adapters/workload-api/http2/request-head.ts',
    'adapters/workload-api/http2/server-connection.ts',
    'adapters/workload-api/http2/server-stream.ts',
  ],
  run: (input) => {
    const bytes = Buffer.from(input);
    const whole = served(bytes, Math.max(1, bytes.length));
    const inPieces = served(bytes, 1 + ((bytes[0] ?? 0) % 13));
    demand(whole.story.join('\n') === inPieces.story.join('\n'), 'the size of pieces decides');
    demand(whole.sent.equals(inPieces.sent), 'the size of pieces decides what is answered');
    checkSent(whole.sent);
    return whole.isWhole;
  },
};
