import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKeyFile } from '../../../src/adapters/keys/key-file.ts';
import { createSealKey, isSealKeyInside, readSealKey } from '../../../src/adapters/keys/seal-key.ts';
import { keyStore } from '../../../src/adapters/keys/sealed.ts';
import type { Authority, KeyId } from '../../../src/domain/authority.ts';
import { instant } from '../../../src/domain/instant.ts';

const entropy = { bytes: (count: number): Uint8Array => randomBytes(count) };
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-keys-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, content: Uint8Array | string, mode = 0o400): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
};

describe('seal key', () => {
  test('is made once, readable by its owner alone, and read back (DEC-26)', () => {
    const path = join(folder, 'secrets', 'seal.key');
    const key = createSealKey(path, entropy);
    expect(statSync(path).mode & 0o777).toBe(0o400);
    expect(statSync(join(folder, 'secrets')).mode & 0o777).toBe(0o700);
    expect(readSealKey(path)).toEqual(key);
    expect(() => createSealKey(path, entropy)).toThrow('already');
    expect(readFileSync(path)).toEqual(key);
  });

  test('is never written through a link', () => {
    const path = join(folder, 'seal.key');
    symlinkSync(join(folder, 'elsewhere'), path);
    expect(() => createSealKey(path, entropy)).toThrow('already');
    expect(() => statSync(join(folder, 'elsewhere'))).toThrow('ENOENT');
  });

  test.each([0o440, 0o404, 0o644, 0o600 | 0o020, 0o401])('is refused with mode %o', (mode) => {
    expect(() => readSealKey(write('seal.key', randomBytes(32), mode))).toThrow('open to group or others');
  });

  test.each([1, 31, 33, 44, 64])('is refused with %i bytes', (length) => {
    expect(() => readSealKey(write('seal.key', randomBytes(length)))).toThrow(/bytes/);
  });

  test('is refused when missing, empty, a link, a folder or a pipe', () => {
    expect(() => readSealKey(join(folder, 'none'))).toThrow('does not exist');
    expect(() => readSealKey(write('empty', ''))).toThrow('is empty');
    const target = write('target', randomBytes(32));
    symlinkSync(target, join(folder, 'link'));
    expect(() => readSealKey(join(folder, 'link'))).toThrow('symbolic link');
    mkdirSync(join(folder, 'folder'), { mode: 0o700 });
    expect(() => readSealKey(join(folder, 'folder'))).toThrow('not a regular file');
    execFileSync('mkfifo', ['-m', '0400', join(folder, 'pipe')]);
    expect(() => readSealKey(join(folder, 'pipe'))).toThrow('not a regular file');
  });

  describe('that systemd hands over', () => {
    // systemd.exec(5): an access control list for the service's user shows as a right of the group.
    const handedOver = (mode = 0o440): string => {
      mkdirSync(join(folder, 'credentials'));
      const path = write(join('credentials', 'seal.key'), randomBytes(32), mode);
      chmodSync(join(folder, 'credentials'), 0o550);
      return path;
    };
    const within = () => ({ credentials: join(folder, 'credentials') });

    test('may be open to its group in the folder of credentials', () => {
      const path = handedOver();
      expect(readSealKey(path, within())).toHaveLength(32);
      expect(readSealKey(path, { credentials: `${folder}/./credentials/` })).toHaveLength(32);
    });

    test.each([0o444, 0o460, 0o450, 0o660])('is refused with mode %o', (mode) => {
      const path = handedOver(mode);
      expect(() => readSealKey(path, within())).toThrow('open to group or others');
    });

    test('is refused in a folder that others may write to', () => {
      const path = handedOver();
      chmodSync(join(folder, 'credentials'), 0o770);
      expect(() => readSealKey(path, within())).toThrow('open to group or others');
    });

    test('is refused anywhere else: below, beside, or where the folder is a link', () => {
      const path = handedOver();
      expect(() => readSealKey(path)).toThrow('open to group or others');
      expect(() => readSealKey(path, { credentials: folder })).toThrow('open to group or others');
      expect(() => readSealKey(path, { credentials: join(folder, 'cred') })).toThrow('open to group or others');
      symlinkSync(join(folder, 'credentials'), join(folder, 'alias'));
      expect(() => readSealKey(join(folder, 'alias', 'seal.key'), { credentials: join(folder, 'alias') })).toThrow(
        'open to group or others',
      );
    });
  });

  test('is found inside the data folder, through links too', () => {
    const data = join(folder, 'data');
    mkdirSync(join(data, 'deep'), { recursive: true });
    symlinkSync(data, join(folder, 'alias'));
    expect(isSealKeyInside(data, join(data, 'seal.key'))).toBe(true);
    expect(isSealKeyInside(data, join(data, 'deep', 'seal.key'))).toBe(true);
    expect(isSealKeyInside(data, join(folder, 'alias', 'seal.key'))).toBe(true);
    expect(isSealKeyInside(join(folder, 'alias'), join(data, 'seal.key'))).toBe(true);
    expect(isSealKeyInside(data, join(folder, 'seal.key'))).toBe(false);
    mkdirSync(join(folder, 'data-keys'));
    expect(isSealKeyInside(data, join(folder, 'data-keys', 'seal.key'))).toBe(false);
  });
});

describe('private key files', () => {
  const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey;

  test('PKCS #8, SEC 1 and PKCS #1 open', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const files = [
      ec('P-256').export({ format: 'pem', type: 'pkcs8' }),
      ec('P-384').export({ format: 'pem', type: 'sec1' }),
      rsa.export({ format: 'pem', type: 'pkcs1' }),
    ];
    const opened = files.map((pem, at) => openKeyFile(write(`key-${at}.pem`, pem)).algorithm);
    expect(opened).toEqual(['ES256', 'ES384', 'RS256']);
  });

  test('open ones, encrypted ones, weak ones and other files are refused (JK-09)', () => {
    const pem = (key: ReturnType<typeof ec>): string | Buffer => key.export({ format: 'pem', type: 'pkcs8' });
    const good = ec('P-256');
    expect(() => openKeyFile(write('open.pem', pem(good), 0o640))).toThrow('open to group or others');
    expect(openKeyFile(write('group.pem', pem(good), 0o440), { credentials: folder }).algorithm).toBe('ES256');
    const locked = good.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' });
    expect(() => openKeyFile(write('locked.pem', locked))).toThrow('without a password');
    expect(() => openKeyFile(write('p521.pem', pem(ec('P-521'))))).toThrow('neither a P-256');
    expect(() => openKeyFile(write('k1.pem', pem(ec('secp256k1'))))).toThrow('neither a P-256');
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    expect(() => openKeyFile(write('small.pem', pem(small)))).toThrow('neither a P-256');
    const three = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).privateKey;
    expect(() => openKeyFile(write('three.pem', pem(three)))).toThrow('neither a P-256');
    expect(() => openKeyFile(write('ed.pem', pem(generateKeyPairSync('ed25519').privateKey)))).toThrow(
      'neither a P-256',
    );
    expect(() => openKeyFile(write('long.pem', Buffer.alloc(20_000, 65)))).toThrow('longer than');
  });

  test('a file that is no key is refused without repeating what it holds', () => {
    let message = '';
    try {
      openKeyFile(write('word.pem', 'correct horse battery staple'));
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain('not a PEM private key');
    expect(message).not.toContain('horse');
  });

  test('the store refuses a file whose key is not the published one', async () => {
    const path = write('root.pem', ec('P-256').export({ format: 'pem', type: 'pkcs8' }));
    const signer = openKeyFile(path);
    const store = keyStore({ trustDomain: 'example.org', logId: 'x', sealKey: randomBytes(32), entropy });
    const authority: Authority = {
      id: signer.keyId,
      purpose: 'x509-root',
      algorithm: 'ES256',
      generation: 1,
      state: 'active',
      tainted: false,
      publicKey: signer.publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
      key: { kind: 'file', reference: path },
      notBefore: 0,
      notAfter: 1,
      preparedAt: instant(0),
    };
    expect((await store.open(authority)).keyId).toBe(signer.keyId);
    await expect(store.open({ ...authority, id: 'another' as KeyId })).rejects.toThrow('does not fit');
  });
});
