import koffi from 'koffi';
import type { ProgramFile } from '../../ports/workload-attestor.ts';

const SOL_SOCKET = 1;
const SO_PEERGROUPS = 59;
const SO_PEERPIDFD = 77;
/** The same number on every architecture that Node.js runs on. */
const PIDFD_OPEN = 434;

/** PIDFD_GET_INFO, _IOWR(0xff, 11, struct pidfd_info), which comes out the same on all of them. */
const PIDFD_GET_INFO = 0xc040ff0b;

const POLLIN = 1;
/** struct pollfd of poll(2): descriptor with 32 bits, what is asked and what is so with 16 bits each. */
const POLLFD_BYTES = 8;

/** struct statx of statx(2), and where in it stand the inode and both halves of the device. */
const STATX_BYTES = 256;
const STATX_INODE = 32;
const STATX_DEVICE = 136;
const STATX_WANT_INODE = 0x100;
const AT_STATX_DONT_SYNC = 0x4000;
const AT_FDCWD = -100;

const GID_BYTES = 4;
/** NGROUPS_MAX of limits.h. */
const MOST_GROUPS = 65_536;

/** A system call of Linux that failed; `errno` says why. */
export class SystemCallError extends Error {
  readonly errno: number;

  constructor(call: string, errno: number) {
    super(`${call} failed with errno ${errno}`);
    this.name = 'SystemCallError';
    this.errno = errno;
  }
}

const isErrno = (error: unknown, ...names: readonly string[]): boolean =>
  error instanceof SystemCallError && names.some((name) => koffi.os.errno[name] === error.errno);

const bind = () => {
  const library = koffi.load(null);
  return {
    getsockopt: library.func(
      'int getsockopt(int socket, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)',
    ) as (socket: number, level: number, name: number, value: Buffer, length: [number]) => number,
    poll: library.func('int poll(_Inout_ uint8_t *descriptors, unsigned long count, int timeout)') as (
      descriptors: Buffer,
      count: number,
      timeout: number,
    ) => number,
    // The C library takes anything after the second; here it is always this.
    ioctl: library.func('int ioctl(int descriptor, unsigned long request, _Inout_ uint8_t *value)') as (
      descriptor: number,
      request: number,
      value: Buffer,
    ) => number,
    statx: library.func(
      'int statx(int folder, const char *path, int flags, unsigned int mask, _Out_ uint8_t *value)',
    ) as (folder: number, path: string, flags: number, mask: number, value: Buffer) => number,
    socketpair: library.func('int socketpair(int domain, int type, int protocol, _Out_ int *descriptors)') as (
      domain: number,
      type: number,
      protocol: number,
      descriptors: Int32Array,
    ) => number,
    syscall: library.func('long syscall(long number, ...)') as (number: number, ...args: unknown[]) => number,
  };
};

let bound: ReturnType<typeof bind> | undefined;
const libc = (): ReturnType<typeof bind> => {
  bound ??= bind();
  return bound;
};

/** How many octets of `value` the kernel filled. */
const socketOption = (descriptor: number, name: number, value: Buffer): number => {
  const length: [number] = [value.length];
  if (libc().getsockopt(descriptor, SOL_SOCKET, name, value, length) !== 0) {
    throw new SystemCallError('getsockopt', koffi.errno());
  }
  return length[0];
};

/**
 * A descriptor of the process that connected to a Unix socket, by what the socket itself recorded (Linux 6.5). It is closed
 * on exec. Throws a `SystemCallError`: ENOPROTOOPT on older kernels, ESRCH or EINVAL when nothing is left of the process.
 */
export const peerPidfd = (descriptor: number): number => {
  const value = Buffer.alloc(4);
  socketOption(descriptor, SO_PEERPIDFD, value);
  return value.readInt32LE(0);
};

/** A descriptor of the process that has this id now (Linux 5.3). It is closed on exec. Throws a `SystemCallError`. */
export const openPidfd = (pid: number): number => {
  const descriptor = libc().syscall(PIDFD_OPEN, 'int', pid, 'uint', 0);
  if (descriptor < 0) throw new SystemCallError('pidfd_open', koffi.errno());
  return descriptor;
};

/** struct pollfd, with what is asked each time filled in. */
const asked = Buffer.alloc(POLLFD_BYTES);

/**
 * Has the process come to an end, a zombie too? By poll(2), which asks for no right over the process. pidfd_send_signal(2) would:
 * with signal 0 it fails on processes of other users, and takes a zombie for alive.
 */
export const hasExited = (pidfd: number): boolean => {
  asked.writeInt32LE(pidfd, 0);
  asked.writeInt32LE(POLLIN, 4);
  // Anything but a plain "nothing happened" counts as an end: an error must not keep a dead process alive.
  return libc().poll(asked, 1, 0) !== 0;
};

/**
 * Fills in a struct pidfd_info, whose mask says what is asked (Linux 6.13). Nothing is told of a process that is gone; a kernel to
 * which the call is unknown always says so.
 */
export const pidfdGetInfo = (pidfd: number, value: Buffer): 'told' | 'nothing' | 'unknown' => {
  if (libc().ioctl(pidfd, PIDFD_GET_INFO, value) === 0) return 'told';
  const { ENOTTY, EINVAL } = koffi.os.errno;
  const errno = koffi.errno();
  return errno === ENOTTY || errno === EINVAL ? 'unknown' : 'nothing';
};

/** As makedev(3) of the C library puts them together, and `fs.stat` shows them. */
const deviceOf = (major: bigint, minor: bigint): bigint =>
  ((major & 0xfffff000n) << 32n) | ((major & 0xfffn) << 8n) | ((minor & 0xffffff00n) << 12n) | (minor & 0xffn);

const found = Buffer.alloc(STATX_BYTES);

/**
 * Device and inode of the file that a link of `/proc` leads to, as far as the kernel knows them by itself: no file server is asked,
 * so that one which hangs does not hang us. Throws a `SystemCallError`.
 */
export const fileBehind = (link: string): ProgramFile => {
  if (libc().statx(AT_FDCWD, link, AT_STATX_DONT_SYNC, STATX_WANT_INODE, found) !== 0) {
    throw new SystemCallError('statx', koffi.errno());
  }
  const device = deviceOf(BigInt(found.readUInt32LE(STATX_DEVICE)), BigInt(found.readUInt32LE(STATX_DEVICE + 4)));
  return { device, inode: found.readBigUInt64LE(STATX_INODE) };
};

const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 0x80001;

/** Two Unix sockets that are connected to each other: both tell of this process. The caller closes them. */
export const socketPair = (): readonly number[] => {
  const pair = new Int32Array(2);
  if (libc().socketpair(AF_UNIX, SOCK_STREAM_CLOEXEC, 0, pair) !== 0) {
    throw new SystemCallError('socketpair', koffi.errno());
  }
  return [...pair];
};

/** The supplementary groups of whoever connected to a Unix socket, as they were then (Linux 4.13). Throws a `SystemCallError`. */
export const peerGroups = (descriptor: number): readonly number[] => {
  const few = Buffer.alloc(64 * GID_BYTES);
  const read = (value: Buffer): readonly number[] => {
    const count = socketOption(descriptor, SO_PEERGROUPS, value) / GID_BYTES;
    return Array.from({ length: count }, (_, at) => value.readUInt32LE(at * GID_BYTES));
  };
  try {
    return read(few);
  } catch (error) {
    if (!isErrno(error, 'ERANGE')) throw error;
    return read(Buffer.alloc(MOST_GROUPS * GID_BYTES));
  }
};

/** Does this kernel not know the option or the call at all? */
export const isUnknownToKernel = (error: unknown): boolean => isErrno(error, 'ENOPROTOOPT', 'ENOSYS');

/** Is it not ours to look? */
export const isForbidden = (error: unknown): boolean => isErrno(error, 'EACCES', 'EPERM');

/** Does the error say that the process, or what the socket knew of it, is no more? */
export const isGone = (error: unknown): boolean => isErrno(error, 'ESRCH', 'EINVAL', 'ENODATA');
