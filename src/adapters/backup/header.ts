import { createHmac, hash, hkdfSync, timingSafeEqual } from 'node:crypto';
import { encodeBase64url, tryDecodeBase64url } from '../../formats/base64url.ts';
import { canonicalJson } from '../../formats/canonical-json.ts';
import type { JsonObject } from '../../formats/json.ts';
import { parseJsonObject } from '../../formats/json.ts';
import type { LogHead } from '../../ports/ledger.ts';

/** What a backup says of itself, in clear: which log it is of, and how far that was. */
export interface BackupHeader extends LogHead {
  readonly trustDomain: string;
  /** Unix milliseconds. */
  readonly madeAt: number;
  /** Length of what is inside. */
  readonly bytes: number;
}

export interface BackupKeys {
  readonly encryption: Buffer;
  readonly mac: Buffer;
  /** Binds every chunk to the header. */
  readonly binding: Buffer;
}

const VERSION = 'mayfly-backup-1';
export const MAX_HEADER_BYTES = 4096;
export const SALT_BYTES = 32;
export const MAC_BYTES = 32;
const KEY_BYTES = 32;

/** One line of JSON; `salt` makes the keys of this backup its own. */
export const writeHeader = (header: BackupHeader, salt: Uint8Array): Buffer => {
  const { trustDomain, logId, epoch, size, root, madeAt, bytes } = header;
  const members = {
    version: VERSION,
    trustDomain,
    logId,
    epoch,
    size,
    root,
    madeAt,
    bytes,
    salt: encodeBase64url(salt),
  };
  return Buffer.from(`${canonicalJson(members)}\n`);
};

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= 512;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

/** The header of a line. Throws with a sentence for what is no backup, or one of another version. Nothing in it is checked yet. */
export const readHeader = (line: Buffer): { header: BackupHeader; salt: Uint8Array } => {
  const noBackup = new Error('this is no backup of Mayfly');
  let members: JsonObject;
  try {
    members = parseJsonObject(line, { maxBytes: MAX_HEADER_BYTES });
  } catch {
    throw noBackup;
  }
  const { version, trustDomain, logId, epoch, size, root, madeAt, bytes } = members;
  if (typeof version !== 'string' || !version.startsWith('mayfly-backup-')) throw noBackup;
  if (version !== VERSION) throw new Error(`the backup has the form ${version}, which this version does not read`);
  const salt = isText(members['salt']) ? tryDecodeBase64url(members['salt']) : undefined;
  const texts = isText(trustDomain) && isText(logId) && isText(root);
  if (!texts || !isCount(epoch) || !isCount(size) || !isCount(madeAt) || !isCount(bytes) || !salt) throw noBackup;
  return { header: { trustDomain, logId, epoch, size, root, madeAt, bytes }, salt };
};

/** The keys of one backup: HKDF (RFC 5869) of the seal key, the backup's salt, and which log it is of. */
export const backupKeys = (
  sealKey: Uint8Array,
  salt: Uint8Array,
  { trustDomain, logId }: BackupHeader,
  line: Buffer,
): BackupKeys => {
  const info = canonicalJson({ version: VERSION, trustDomain, logId });
  const keys = Buffer.from(hkdfSync('sha256', sealKey, salt, info, 2 * KEY_BYTES));
  return {
    encryption: keys.subarray(0, KEY_BYTES),
    mac: keys.subarray(KEY_BYTES),
    binding: hash('sha256', line, 'buffer'),
  };
};

export const headerMac = (keys: BackupKeys, line: Buffer): Buffer =>
  createHmac('sha256', keys.mac).update(line).digest();

export const isHeaderMac = (keys: BackupKeys, line: Buffer, mac: Buffer): boolean =>
  mac.length === MAC_BYTES && timingSafeEqual(headerMac(keys, line), mac);
