import koffi from 'koffi';

const libc = koffi.load(null);
const socket = libc.func('int socket(int domain, int type, int protocol)');
const bind = libc.func('int bind(int socket, const uint8_t *address, uint32_t size)');
const recv = libc.func('intptr_t recv(int socket, _Out_ uint8_t *data, size_t length, int flags)');
const close = libc.func('int close(int descriptor)');

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

/** What a service manager listens on; `@name` is an abstract one. */
export class DatagramSocket {
  readonly #descriptor: number;

  constructor(name: string) {
    this.#descriptor = socket(AF_UNIX, SOCK_DGRAM, 0) as number;
    const path = name.startsWith('@') ? `\0${name.slice(1)}` : `${name}\0`;
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(path)]);
    if (bind(this.#descriptor, address, address.length) !== 0) throw new Error(`cannot bind ${name}`);
  }

  /** Everything that came so far and was not taken yet. */
  take(): readonly string[] {
    const taken: string[] = [];
    const room = Buffer.alloc(8192);
    for (;;) {
      const length = Number(recv(this.#descriptor, room, room.length, MSG_DONTWAIT));
      if (length < 0) return taken;
      taken.push(room.subarray(0, length).toString());
    }
  }

  close(): void {
    close(this.#descriptor);
  }
}
