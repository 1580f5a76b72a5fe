import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Entropy } from '../../ports/entropy.ts';
import { ByteReader } from './byte-reader.ts';
import {
  type BackupHeader,
  type BackupKeys,
  backupKeys,
  headerMac,
  isHeaderMac,
  MAC_BYTES,
  MAX_HEADER_BYTES,
  readHeader,
  SALT_BYTES,
  writeHeader,
} from './header.ts';

/** Octets in clear of each chunk but the last, which may have fewer. */
const CHUNK_BYTES = 64 * 1024;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;

/** The number of the chunk, and whether it is the last: none can be moved, left out or cut off (the STREAM construction). */
const nonceOf = (chunk: number, last: boolean): Buffer => {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUIntBE(chunk, NONCE_BYTES - 7, 6);
  nonce[NONCE_BYTES - 1] = last ? 1 : 0;
  return nonce;
};

const seal = (keys: BackupKeys, plain: Uint8Array, chunk: number, last: boolean): Buffer => {
  const cipher = createCipheriv('aes-256-gcm', keys.encryption, nonceOf(chunk, last), { authTagLength: TAG_BYTES });
  cipher.setAAD(keys.binding);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
};

const unseal = (keys: BackupKeys, sealed: Buffer, chunk: number, last: boolean): Buffer | undefined => {
  const nonce = nonceOf(chunk, last);
  const decipher = createDecipheriv('aes-256-gcm', keys.encryption, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(keys.binding);
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const plain = decipher.update(sealed.subarray(0, -TAG_BYTES));
  try {
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
};

/**
 * A backup as it lies in its file: the header as a line, its HMAC, then the content in chunks under AES-256-GCM. The keys come
 * from the seal key, which is not in the store: whoever can use what is inside has it anyway, and nobody else reads it.
 */
export async function* sealBackup(
  header: BackupHeader,
  content: AsyncIterable<Uint8Array>,
  sealKey: Uint8Array,
  entropy: Entropy,
): AsyncGenerator<Buffer> {
  const salt = entropy.bytes(SALT_BYTES);
  const line = writeHeader(header, salt);
  const keys = backupKeys(sealKey, salt, header, line);
  yield line;
  yield headerMac(keys, line);
  const reader = new ByteReader(content);
  for (let chunk = 0, last = false; !last; chunk += 1) {
    const plain = await reader.take(CHUNK_BYTES);
    last = await reader.isAtEnd();
    yield seal(keys, plain, chunk, last);
  }
}

export interface OpenedBackup {
  readonly header: BackupHeader;
  /** Throws where it is damaged; what came before is then not to be used either. */
  readonly content: AsyncGenerator<Buffer>;
}

async function* contentOf(reader: ByteReader, keys: BackupKeys, { bytes }: BackupHeader): AsyncGenerator<Buffer> {
  let length = 0;
  for (let chunk = 0, last = false; !last; chunk += 1) {
    const sealed = await reader.take(CHUNK_BYTES + TAG_BYTES);
    last = await reader.isAtEnd();
    const plain = sealed.length < TAG_BYTES ? undefined : unseal(keys, sealed, chunk, last);
    if (!plain) throw new Error(`the backup is cut off or damaged, ${length} of ${bytes} bytes are good`);
    length += plain.length;
    yield plain;
  }
  if (length !== bytes) throw new Error(`the backup holds ${length} bytes in place of ${bytes}`);
}

/** Opens what `sealBackup` gave. Rejects with a sentence for what is no backup, and for another seal key or a changed header. */
export const openBackup = async (source: AsyncIterable<Uint8Array>, sealKey: Uint8Array): Promise<OpenedBackup> => {
  const reader = new ByteReader(source);
  const line = await reader.takeLine(MAX_HEADER_BYTES);
  const { header, salt } = readHeader(line);
  const keys = backupKeys(sealKey, salt, header, line);
  if (!isHeaderMac(keys, line, await reader.take(MAC_BYTES))) {
    throw new Error('the backup was made under another seal key, or its first line was changed');
  }
  return { header, content: contentOf(reader, keys, header) };
};
