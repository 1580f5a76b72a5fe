import koffi from 'koffi';

/** Who is at the other end of a Unix socket, as the kernel recorded it when the connection was made. */
export interface PeerCredentials {
  readonly uid: number;
  readonly gid: number;
  /** Linux only. A process id may be reused: never the sole ground of a decision. */
  readonly pid?: number;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** struct ucred of unix(7): pid, uid and gid with 32 bits each. */
const UCRED_BYTES = 12;

const linuxReader = (): ((descriptor: number) => PeerCredentials) => {
  const getsockopt = koffi
    .load(null)
    .func('int getsockopt(int socket, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)');
  return (descriptor) => {
    const ucred = Buffer.alloc(UCRED_BYTES);
    const length = [UCRED_BYTES];
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, ucred, length) !== 0 || length[0] !== UCRED_BYTES) {
      throw new Error('the kernel does not tell who is at the other end of the socket');
    }
    return { pid: ucred.readInt32LE(0), uid: ucred.readUInt32LE(4), gid: ucred.readUInt32LE(8) };
  };
};

const darwinReader = (): ((descriptor: number) => PeerCredentials) => {
  const getpeereid = koffi
    .load('/usr/lib/libSystem.B.dylib')
    .func('int getpeereid(int socket, _Out_ uint32_t *uid, _Out_ uint32_t *gid)');
  return (descriptor) => {
    const uid = [0];
    const gid = [0];
    if (getpeereid(descriptor, uid, gid) !== 0 || uid[0] === undefined || gid[0] === undefined) {
      throw new Error('the kernel does not tell who is at the other end of the socket');
    }
    return { uid: uid[0], gid: gid[0] };
  };
};

let reader: ((descriptor: number) => PeerCredentials) | undefined;

/** Reads the credentials of the peer of a connected Unix socket. Throws where the kernel does not give them. */
export const peerCredentials = (descriptor: number): PeerCredentials => {
  reader ??= process.platform === 'darwin' ? darwinReader() : linuxReader();
  return reader(descriptor);
};
