import koffi from 'koffi';

/** Variables of sd_notify(3), for example `READY: '1'`. */
export type ServiceState = Readonly<Record<string, string>>;

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
/** A server must neither wait for its manager nor die of it. */
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** Of `sun_path` in unix(7). */
const MAX_PATH_BYTES = 108;

/** struct sockaddr_un of unix(7): the family, then the path; `@` stands for the zero octet of an abstract name. */
const addressOf = (name: string): Buffer => {
  const isAbstract = name.startsWith('@');
  const path = Buffer.from(isAbstract ? `\0${name.slice(1)}` : `${name}\0`);
  if (path.length > MAX_PATH_BYTES) throw new Error('the socket of the service manager has too long a name');
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, path]);
};

const load = () => {
  const libc = koffi.load(null);
  return {
    socket: libc.func('int socket(int domain, int type, int protocol)'),
    sendto: libc.func(
      'intptr_t sendto(int socket, const uint8_t *data, size_t length, int flags, const uint8_t *address, uint32_t size)',
    ),
    close: libc.func('int close(int descriptor)'),
  };
};

let libc: ReturnType<typeof load> | undefined;

/**
 * Tells a service manager of systemd's kind how this process is, in one datagram to the socket that it named in
 * `NOTIFY_SOCKET` (sd_notify(3)); Node.js has no such sockets. It never waits. Throws when the datagram was not taken, and
 * where there is nothing of that kind: on Linux alone, and for a path or an abstract name alone.
 */
export const notifyServiceManager = (name: string, state: ServiceState): void => {
  if (process.platform !== 'linux' || !/^[/@]./.test(name)) {
    throw new Error('NOTIFY_SOCKET names no socket that can be told here');
  }
  const lines = Object.entries(state).map(([variable, value]) => `${variable}=${value.replaceAll('\n', ' ')}`);
  const message = Buffer.from(lines.join('\n'));
  const address = addressOf(name);
  libc ??= load();
  const descriptor = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) as number;
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  const sent = Number(libc.sendto(descriptor, message, message.length, flags, address, address.length));
  const failure = koffi.errno();
  if (descriptor >= 0) libc.close(descriptor);
  if (sent !== message.length) throw new Error(`the service manager was not told (error ${failure})`);
};
