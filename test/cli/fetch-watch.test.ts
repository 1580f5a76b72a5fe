import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signToken, testKey } from '../support/jwt-keys.ts';
import { runCommand } from '../support/run-command.ts';
import { ROOT } from '../support/source-tree.ts';
import { TestWorkloadApi, until } from '../support/workload-api.ts';
import { newDomain, newSvid, nowSeconds, x509Message } from '../support/workload-identities.ts';

const domain = await newDomain();
const svid = await newSvid(domain);
const claims = { sub: svid.spiffeId, aud: ['db'], iat: nowSeconds(), exp: nowSeconds() + 300 };
const token = signToken(testKey('ES256'), 'JWT', claims);

const api = await new TestWorkloadApi().start();
const folder = mkdtempSync(join(tmpdir(), 'mayfly-fetch-watch-'));
afterAll(() => {
  api.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  api.x509.send(x509Message(svid, domain));
  api.x509Bundles.send({ bundles: { 'spiffe://example.org': domain.bundle } });
  api.jwtBundles.send({ bundles: { 'spiffe://example.org': Buffer.from('{"keys":[]}') } });
  api.jwtSvid = () => ({ svids: [{ spiffeId: svid.spiffeId, svid: token, hint: '' }] });
});

describe('mayfly fetch --watch', () => {
  const mayfly = join(ROOT, 'bin', 'mayfly.js');

  test('does it again at each rotation, until it is told to stop', async () => {
    const at = join(folder, 'watch');
    const log = join(folder, 'serials');
    const serialOf = (each: typeof svid): string => new X509Certificate(each.chain[0] as Buffer).serialNumber;
    const written = (): string => {
      try {
        return readFileSync(log, 'utf8');
      } catch {
        return '';
      }
    };
    const exec = `openssl x509 -noout -serial -in ${at}/svid.pem >> ${log}`;
    const next = await newSvid(domain);
    const ended = await runCommand(
      process.execPath,
      [mayfly, 'fetch', 'x509', '--watch', '--json', '--socket', api.address, '--write', at, '--exec', exec],
      {
        onLine: (_line, child) =>
          void (async () => {
            await until(() => written().includes(serialOf(svid)));
            api.x509.send({ svids: [], federatedBundles: {} });
            api.x509.send(x509Message(next, domain));
            await until(() => written().includes(serialOf(next)));
            child.kill('SIGTERM');
          })(),
      },
    );
    expect(ended.code).toBe(0);
    const lines = ended.stdout.trim().split('\n');
    expect(lines).toHaveLength(2);
    expect(ended.stdout).not.toContain('PRIVATE');
    expect(ended.stderr).toContain('malformed_response');
    const leaf = new X509Certificate(readFileSync(join(at, 'svid.pem')));
    expect(leaf.checkPrivateKey(createPrivateKey(readFileSync(join(at, 'svid_key.pem'))))).toBe(true);
  });

  test('says that the identity asked for is not among those given, and waits for it', async () => {
    const web = await newSvid(domain, 'spiffe://example.org/web');
    const ended = await runCommand(
      process.execPath,
      [mayfly, 'fetch', 'x509', '--watch', '--json', '--socket', api.address, '--spiffe-id', web.spiffeId],
      {
        onError: () => api.x509.send(x509Message(web, domain)),
        onLine: (_line, child) => void child.kill('SIGTERM'),
      },
    );
    expect(ended).toMatchObject({ code: 0, stderr: 'mayfly: the agent gives no such identity (no_identity)\n' });
    expect(JSON.parse(ended.stdout).svids).toMatchObject([{ spiffeId: web.spiffeId }]);
  });

  test('waits for a token of the hint asked for, as it does for a certificate', async () => {
    const args = ['--watch', '--json', '--socket', api.address, '--hint', 'web'];
    const ended = await runCommand(process.execPath, [mayfly, 'fetch', 'jwt', '--audience', 'db', ...args], {
      onError: () => {
        api.jwtSvid = () => ({ svids: [{ spiffeId: svid.spiffeId, svid: token, hint: 'web' }] });
      },
      onLine: (_line, child) => void child.kill('SIGTERM'),
    });
    expect(ended).toMatchObject({ code: 0, stderr: 'mayfly: the agent gives no such identity (no_identity)\n' });
    expect(JSON.parse(ended.stdout).svids).toMatchObject([{ spiffeId: svid.spiffeId, hint: 'web' }]);
  });

  test('a token without an audience is not waited for', async () => {
    const args = [mayfly, 'fetch', 'jwt', '--watch', '--socket', api.address];
    expect(await runCommand(process.execPath, args)).toMatchObject({ code: 2, stdout: '' });
  });

  test('a bug or a wrong name ends it', async () => {
    const names = ['--cert-name', 'a', '--key-name', 'a'];
    const args = [mayfly, 'fetch', 'x509', '--watch', '--socket', api.address, '--write', join(folder, 'twice')];
    expect(await runCommand(process.execPath, [...args, ...names])).toMatchObject({ code: 2, stdout: '' });
  });

  test('tokens and bundles too', async () => {
    for (const what of [['jwt', '--audience', 'db'], ['bundle']]) {
      const ended = await runCommand(
        process.execPath,
        [mayfly, 'fetch', ...what, '--watch', '--json', '--socket', api.address],
        { onLine: (_line, child) => void child.kill('SIGTERM') },
      );
      expect(ended).toMatchObject({ code: 0, stderr: '' });
    }
  });
});
