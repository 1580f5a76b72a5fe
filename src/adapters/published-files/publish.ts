import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { getegid, geteuid, getgroups } from 'node:process';

export interface PublishedFile {
  /** A plain name: no folders. */
  readonly name: string;
  readonly content: string;
  readonly mode: number;
}

export interface PublishOptions {
  readonly folder: string;
  readonly files: readonly PublishedFile[];
  /** Who owns the files; who runs the command unless told. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

const CURRENT = '..data';
const REVISION = '..revision-';
const FOLDER_MODE = 0o755;

const withDescriptor = (path: string, flags: string, mode: number, work: (descriptor: number) => void): void => {
  const descriptor = openSync(path, flags, mode);
  try {
    work(descriptor);
  } finally {
    closeSync(descriptor);
  }
};

const syncFolder = (path: string): void => withDescriptor(path, 'r', 0, fsyncSync);

/** Whole and on disk before anyone can see it. */
const writeRevision = ({ folder, files, owner }: PublishOptions): string => {
  const revision = mkdtempSync(join(folder, REVISION));
  for (const { name, content, mode } of files) {
    withDescriptor(join(revision, name), 'wx', 0o600, (descriptor) => {
      if (owner) fchownSync(descriptor, owner.uid, owner.gid);
      fchmodSync(descriptor, mode);
      // Whole: a disk that is nearly full takes a part without a word.
      writeFileSync(descriptor, content);
      fsyncSync(descriptor);
    });
  }
  withDescriptor(revision, 'r', 0, (descriptor) => {
    // The folder stays ours, whoever owns the files: its owner could lead us elsewhere by links when it is taken away.
    fchmodSync(descriptor, FOLDER_MODE);
    fsyncSync(descriptor);
  });
  return basename(revision);
};

/** A symbolic link that is there from one moment to the next, whatever stood in its place. */
const link = (target: string, path: string): void => {
  const temporary = join(dirname(path), `..link-${basename(path)}`);
  rmSync(temporary, { force: true });
  symlinkSync(target, temporary);
  renameSync(temporary, path);
};

const linkTarget = (path: string): string | undefined =>
  lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(path) : undefined;

/** Names that were published once and are no more. */
const removeOldLinks = (folder: string, names: ReadonlySet<string>): void => {
  for (const name of readdirSync(folder)) {
    if (!names.has(name) && linkTarget(join(folder, name)) === `${CURRENT}/${name}`) rmSync(join(folder, name));
  }
};

const ROOT = 0;
const GROUP_MAY_WRITE = 0o020;
const OTHERS_MAY_WRITE = 0o002;
const STICKY = 0o1000;

/**
 * Whoever may rename things in the folder, or on the way to it, could put a link in the place of what we make, and have us write,
 * chown and delete somewhere else: with our rights, which may be those of root.
 */
const checkFolder = (folder: string): void => {
  const real = realpathSync(folder);
  const ours = new Set([ROOT, getegid?.(), ...(getgroups?.() ?? [])]);
  for (let path = real, isAbove = false; ; path = dirname(path), isAbove = true) {
    const { mode, uid, gid } = lstatSync(path);
    // In a sticky folder, like /tmp, nobody renames what is another's.
    const isSafe = isAbove && (mode & STICKY) !== 0;
    if (uid !== ROOT && uid !== geteuid?.())
      throw new Error(`${path} belongs to another user, who could lead us elsewhere`);
    if ((mode & OTHERS_MAY_WRITE) !== 0 && !isSafe) throw new Error(`${path} can be written to by everybody`);
    if ((mode & GROUP_MAY_WRITE) !== 0 && !isSafe && !ours.has(gid))
      throw new Error(`${path} can be written to by another group`);
    if (path === dirname(path)) return;
  }
};

/**
 * Puts files into a folder so that all of them change in one moment, and each is whole whenever it is read. They lie in a folder of
 * their own for each revision; `..data` is a link to the one that counts, and is replaced by a rename; `folder/name` is a
 * link through `..data`. Who resolves `..data` once reads files of one revision, also while the next one comes: the revision
 * before is kept until then. Everything is on disk before it can be seen.
 *
 * One writer at a time. Throws errors of the file system, and Error when `folder`, or one above it, is another user's or one that
 * others may write to.
 */
export const publishFiles = (options: PublishOptions): void => {
  const { folder, files } = options;
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  checkFolder(folder);
  const before = linkTarget(join(folder, CURRENT));
  const revision = writeRevision(options);
  link(revision, join(folder, CURRENT));
  for (const { name } of files) {
    if (linkTarget(join(folder, name)) !== `${CURRENT}/${name}`) link(`${CURRENT}/${name}`, join(folder, name));
  }
  removeOldLinks(folder, new Set(files.map(({ name }) => name)));
  syncFolder(folder);
  for (const name of readdirSync(folder)) {
    if (name.startsWith(REVISION) && name !== revision && name !== before) {
      rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
};
