import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joinTokenEvidence } from '../../../src/adapters/evidence/join-token.ts';
import { oidcEvidence } from '../../../src/adapters/evidence/oidc.ts';
import { x509popEvidence } from '../../../src/adapters/evidence/x509pop.ts';
import { joinToken } from '../../../src/formats/join-token.ts';
import { encodePem } from '../../../src/formats/pem.ts';
import { csrDigest, possessionMessage } from '../../../src/formats/possession.ts';
import { possessionProblem } from '../../../src/verify/possession.ts';
import { refusalOf } from '../../support/refusals.ts';
import { issueLeaf, leafPlan, newCa, newKey, type TestKey } from '../../support/x509.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-node-evidence-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const MESSAGE = possessionMessage(csrDigest(Buffer.from('request')), Buffer.from('nonce'));

const file = (name: string, content: string | Uint8Array, mode = 0o600): string => {
  const path = join(folder, name);
  writeFileSync(path, content, { mode });
  return path;
};

const problemOf = async (collecting: Promise<unknown>): Promise<string> => {
  const refusal = await refusalOf(collecting);
  expect(refusal.code).toBe('unavailable');
  return refusal.message;
};

describe('a join token', () => {
  const token = joinToken(Buffer.alloc(24, 7));

  test('is shown as it is, or as its file holds it now', async () => {
    expect(await joinTokenEvidence({ value: token }).collect(MESSAGE)).toEqual({ token });
    const path = file('token', `${token}\n`);
    const source = joinTokenEvidence({ file: path });
    expect(await source.collect(MESSAGE)).toEqual({ token });
    const other = joinToken(Buffer.alloc(24, 8));
    writeFileSync(path, other);
    expect(await source.collect(MESSAGE)).toEqual({ token: other });
    expect([source.type, source.challenged]).toEqual(['join_token', false]);
  });

  test('that is none is not sent, and not told', async () => {
    const text = `${token}x`;
    const problem = await problemOf(joinTokenEvidence({ value: text }).collect(MESSAGE));
    expect(problem).toContain('mayfly join-token create');
    expect(problem).not.toContain(token);
    expect(await problemOf(joinTokenEvidence({ file: file('t', text) }).collect(MESSAGE))).not.toContain(token);
  });

  test.each([
    ['missing', () => join(folder, 'none'), 'does not exist'],
    ['open to others', () => file('open', token, 0o644), 'chmod 0400'],
    ['empty', () => file('empty', ''), 'is empty'],
    ['too long', () => file('long', 'x'.repeat(2000)), 'longer than 1024 bytes'],
    ['a folder', () => folder, 'not a regular file'],
  ])('in a file that is %s is not read', async (_name, path, problem) => {
    expect(await problemOf(joinTokenEvidence({ file: path() }).collect(MESSAGE))).toContain(problem);
  });
});

describe('a secret that systemd hands over', () => {
  const token = joinToken(Buffer.alloc(24, 7));
  // systemd.exec(5): an access control list for the service's user shows as a right of the group.
  const handedOver = (): string => {
    const path = file('credential', token);
    chmodSync(path, 0o440);
    return path;
  };

  test('may be open to its group in the folder of credentials, and nowhere else', async () => {
    const path = handedOver();
    expect(await joinTokenEvidence({ file: path, credentials: folder }).collect(MESSAGE)).toEqual({ token });
    expect(await problemOf(joinTokenEvidence({ file: path }).collect(MESSAGE))).toContain('chmod 0400');
    const elsewhere = joinTokenEvidence({ file: path, credentials: join(folder, 'credentials') });
    expect(await problemOf(elsewhere.collect(MESSAGE))).toContain('chmod 0400');
  });

  test('is not read when others may write to it, or to the folder', async () => {
    const path = handedOver();
    const source = joinTokenEvidence({ file: path, credentials: folder });
    chmodSync(path, 0o460);
    expect(await problemOf(source.collect(MESSAGE))).toContain('chmod 0400');
    chmodSync(path, 0o440);
    chmodSync(folder, 0o770);
    expect(await problemOf(source.collect(MESSAGE))).toContain('chmod 0400');
  });

  test('is not read through a link that leads out of it', async () => {
    const path = handedOver();
    const credentials = join(folder, 'credentials');
    mkdirSync(credentials, { mode: 0o700 });
    symlinkSync(path, join(credentials, 'token'));
    const source = joinTokenEvidence({ file: join(credentials, 'token'), credentials });
    expect(await problemOf(source.collect(MESSAGE))).toContain('chmod 0400');
  });
});

describe('an OIDC token', () => {
  test('is read anew each time, through the links by which Kubernetes swaps it', async () => {
    const first = file('first', 'aa.bb.cc', 0o644);
    const second = file('second', 'dd.ee.ff\n', 0o644);
    const path = join(folder, 'token');
    symlinkSync(first, path);
    const source = oidcEvidence({ file: path });
    expect(await source.collect(MESSAGE)).toEqual({ token: 'aa.bb.cc' });
    rmSync(path);
    symlinkSync(second, path);
    expect(await source.collect(MESSAGE)).toEqual({ token: 'dd.ee.ff' });
    expect([source.type, source.challenged]).toEqual(['oidc', false]);
  });

  test.each(['aa.bb', 'aa.bb.cc.dd', 'aa.b b.cc', '<html>'])('%j is none', async (text) => {
    expect(await problemOf(oidcEvidence({ file: file('t', text) }).collect(MESSAGE))).toContain('is no JWT');
  });
});

describe('a certificate', () => {
  const pair = async (key: TestKey = newKey()) => {
    const ca = await newCa();
    const leaf = await issueLeaf(ca, leafPlan(ca, key));
    const certificateFile = file('c.pem', encodePem('CERTIFICATE', leaf), 0o644);
    const keyFile = file('k.pem', key.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    return { leaf, files: { certificateFile, keyFile } };
  };

  test.each(['p256', 'p384', 'rsa'] as const)(
    'of a %s key comes with a signature that the server takes',
    async (type) => {
      const key = newKey(type);
      const { leaf, files } = await pair(key);
      const source = x509popEvidence(files);
      const { chain, signature } = (await source.collect(MESSAGE)) as { chain: string[]; signature: string };
      expect(chain).toEqual([leaf.toString('base64')]);
      expect(possessionProblem(key.spki, MESSAGE, Buffer.from(signature, 'base64'))).toBeUndefined(); // DEC-15
      expect([source.type, source.challenged]).toEqual(['x509pop', true]);
    },
  );

  test('without its key is not shown', async () => {
    const { files } = await pair();
    const other = file('o.pem', newKey().privateKey.export({ type: 'pkcs8', format: 'pem' }));
    expect(await problemOf(x509popEvidence({ ...files, keyFile: other }).collect(MESSAGE))).toContain('is not that of');
    const open = file('open.pem', newKey().privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o640);
    expect(await problemOf(x509popEvidence({ ...files, keyFile: open }).collect(MESSAGE))).toContain('chmod 0400');
    const handed = x509popEvidence({ ...files, keyFile: open, credentials: folder });
    expect(await problemOf(handed.collect(MESSAGE))).toContain('is not that of');
    const none = file('n.pem', 'x');
    expect(await problemOf(x509popEvidence({ ...files, keyFile: none }).collect(MESSAGE))).toContain('PEM private key');
  });

  test('that is none is not shown', async () => {
    const { files } = await pair();
    for (const content of ['x', encodePem('CERTIFICATE', Buffer.from('nothing'))]) {
      const certificateFile = file('bad.pem', content);
      const source = x509popEvidence({ ...files, certificateFile });
      expect(await problemOf(source.collect(MESSAGE))).toContain('cannot be read');
    }
  });
});
