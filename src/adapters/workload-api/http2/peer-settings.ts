import { ConnectionError, ERROR_CODE, MAX_FRAME_BYTES } from './frames.ts';

/** RFC 9113 §6.5.2. */
export const SETTING = {
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
} as const;

export const DEFAULT_WINDOW_BYTES = 65_535;
/** No window may be larger (RFC 9113 §6.9.1). */
export const MAX_WINDOW_BYTES = 0x7fff_ffff;
const MAX_MAX_FRAME_BYTES = 0xff_ffff;

const SETTING_BYTES = 6;

const protocol = (what: string): ConnectionError => new ConnectionError(ERROR_CODE.protocol, what);

/** What a client wants us to keep to, as far as it touches what we send. */
export class PeerSettings {
  #initialWindowBytes = DEFAULT_WINDOW_BYTES;
  #maxFrameBytes = MAX_FRAME_BYTES;

  /** What a new stream may send at once. */
  get initialWindowBytes(): number {
    return this.#initialWindowBytes;
  }

  get maxFrameBytes(): number {
    return this.#maxFrameBytes;
  }

  /** Reads the content of a SETTINGS frame. Throws `ConnectionError`. */
  read(content: Buffer): void {
    if (content.length % SETTING_BYTES !== 0)
      throw new ConnectionError(ERROR_CODE.frameSize, 'settings that are cut off');
    for (let at = 0; at < content.length; at += SETTING_BYTES)
      this.#set(content.readUInt16BE(at), content.readUInt32BE(at + 2));
  }

  #set(identifier: number, value: number): void {
    if (identifier === SETTING.enablePush && value > 1) throw protocol('neither push nor no push');
    if (identifier === SETTING.initialWindowSize) {
      if (value > MAX_WINDOW_BYTES) throw new ConnectionError(ERROR_CODE.flowControl, 'too large a window');
      this.#initialWindowBytes = value;
    } else if (identifier === SETTING.maxFrameSize) {
      if (value < MAX_FRAME_BYTES || value > MAX_MAX_FRAME_BYTES) throw protocol('a frame size that is none');
      this.#maxFrameBytes = value;
    }
  }
}
