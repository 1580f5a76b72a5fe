import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { getuid } from 'node:process';
import { Refusal } from '../../domain/refusal.ts';
import { isLocked, lockFile } from './file-lock.ts';

const LOCK = 'lock';

const refuse = (text: string): Refusal => new Refusal('unavailable', text);

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown error';

/** Whoever else may open the folder has the keys in it; whoever owns it may give it to anyone. Gives the owner. */
const checkFolder = (path: string, isOwner: (uid: number) => boolean, remedy: string): number => {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) throw refuse(`the state folder ${path} is a symbolic link: name the folder itself`);
  if (!stat.isDirectory()) throw refuse(`the state folder ${path} is not a folder`);
  if (!isOwner(stat.uid)) throw refuse(`the state folder ${path} belongs to another user: ${remedy}`);
  if ((stat.mode & 0o077) !== 0) throw refuse(`the state folder ${path} is open to others: chmod 0700 it`);
  return stat.uid;
};

const makeFolder = (path: string): void => {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    throw refuse(`the state folder ${path} cannot be made (${codeOf(error)})`);
  }
};

const readOpen = (descriptor: number, path: string, owner: number, maxBytes: number): Buffer => {
  const stat = fstatSync(descriptor);
  if (!stat.isFile()) throw refuse(`${path} is not a regular file`);
  if (stat.uid !== owner) throw refuse(`${path} belongs to another user`);
  if ((stat.mode & 0o077) !== 0) throw refuse(`${path} is open to others: chmod 0600 it`);
  if (stat.size > maxBytes) throw refuse(`${path} is longer than ${maxBytes} bytes`);
  const room = Buffer.alloc(maxBytes + 1);
  let length = 0;
  for (let read = -1; read !== 0 && length < room.length; length += read) {
    read = readSync(descriptor, room, length, room.length - length, null);
  }
  if (length > maxBytes) throw refuse(`${path} is longer than ${maxBytes} bytes`);
  return room.subarray(0, length);
};

const readFile = (path: string, owner: number, maxBytes: number): Buffer | undefined => {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw refuse(`${path} cannot be opened (${codeOf(error)})`);
  }
  try {
    return readOpen(descriptor, path, owner, maxBytes);
  } finally {
    closeSync(descriptor);
  }
};

/** What lies in a state folder, for who only looks: nothing is made, and an agent that runs goes on having it. */
export class SeenFolder {
  readonly path: string;
  readonly owner: number;

  /** Refuses as `StateFolder` does, but lets root look at the folder of an agent with a user of its own. */
  constructor(path: string) {
    this.path = path;
    const own = getuid?.();
    this.owner = checkFolder(path, (uid) => own === 0 || uid === own, 'look as that user, or as root');
  }

  /** Does a process have the folder? */
  isHeld(): boolean {
    return isLocked(join(this.path, LOCK));
  }

  /** Undefined when there is none. Refuses what is not a file of the folder's owner, or open to others. */
  read(name: string, maxBytes: number): Buffer | undefined {
    return readFile(join(this.path, name), this.owner, maxBytes);
  }
}

/**
 * A folder that one process has for itself: 0700, its own user's, locked for as long as the process lives or until `close`.
 * Files in it are 0600, replaced whole, and on disk when `replace` returns.
 */
export class StateFolder {
  readonly path: string;
  readonly #owner: number;
  readonly #unlock: () => void;

  /**
   * Makes the folder if there is none. Refuses in one sentence that says what to do: with `conflict` when another process has
   * it, with `unavailable` otherwise.
   */
  constructor(path: string) {
    this.path = path;
    makeFolder(path);
    this.#owner = checkFolder(path, (uid) => uid === getuid?.(), "chown it to the agent's");
    const unlock = lockFile(join(path, LOCK));
    if (unlock === undefined) {
      const detail = `a second agent cannot use the state folder ${path}: another one that is running has it`;
      throw new Refusal('conflict', detail);
    }
    this.#unlock = unlock;
  }

  /** Undefined when there is none. Refuses what is not a file of this user's own, or open to others. */
  read(name: string, maxBytes: number): Buffer | undefined {
    return readFile(join(this.path, name), this.#owner, maxBytes);
  }

  /** The old content or the new one, whenever the power fails. Throws what the disk says. */
  replace(name: string, content: Uint8Array): void {
    const path = join(this.path, name);
    const next = `${path}.next`;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
    const descriptor = openSync(next, flags, 0o600);
    try {
      fchmodSync(descriptor, 0o600);
      for (let at = 0; at < content.length; ) at += writeSync(descriptor, content, at);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(next, path);
    this.#sync();
  }

  /** That there is none is fine. */
  remove(name: string): void {
    try {
      unlinkSync(join(this.path, name));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      return;
    }
    this.#sync();
  }

  /** Another agent may have the folder from now on. */
  close(): void {
    this.#unlock();
  }

  #sync(): void {
    const descriptor = openSync(this.path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}
