import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { runCli } from '../support/admin-stand-in.ts';
import { signToken, testKey } from '../support/jwt-keys.ts';
import { TestWorkloadApi } from '../support/workload-api.ts';
import { newDomain, newSvid, nowSeconds, svidMessage, x509Message } from '../support/workload-identities.ts';

const domain = await newDomain();
const other = await newDomain('other.example');
const svid = await newSvid(domain);
const key = testKey('ES256');
const token = signToken(key, 'JWT', { sub: svid.spiffeId, aud: ['db'], iat: nowSeconds(), exp: nowSeconds() + 300 });

const api = await new TestWorkloadApi().start();
const folder = mkdtempSync(join(tmpdir(), 'mayfly-fetch-'));
afterAll(() => {
  api.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  api.x509.send(x509Message(svid, domain, { 'spiffe://other.example': other.bundle }));
  api.x509Bundles.send({ bundles: { 'spiffe://example.org': domain.bundle, 'spiffe://other.example': other.bundle } });
  api.jwtBundles.send({ bundles: { 'spiffe://example.org': Buffer.from('{"keys":[]}') } });
  api.jwtSvid = () => ({ svids: [{ spiffeId: svid.spiffeId, svid: token, hint: '' }] });
});

const fetchCli = (...args: string[]) => runCli(['fetch', ...args, '--socket', api.path]);

describe('mayfly fetch x509', () => {
  test('shows what there is, and never the key unless asked', async () => {
    const shown = await fetchCli('x509');
    expect(shown).toMatchObject({ exit: 0, err: '' });
    expect(shown.out).toContain(svid.spiffeId);
    expect(shown.out).not.toContain('PRIVATE');
    expect((await fetchCli('x509', '--json')).out).not.toContain('PRIVATE');
    expect((await fetchCli('x509', '--show-key')).out).toContain('BEGIN PRIVATE KEY');
  });

  test('as JSON', async () => {
    const { svids, bundles } = JSON.parse((await fetchCli('x509', '--json')).out);
    expect(svids).toMatchObject([{ spiffeId: svid.spiffeId, chain: svid.chain.map((der) => der.toString('base64')) }]);
    expect(Object.keys(bundles)).toEqual(['example.org', 'other.example']);
  });

  test('picks by hint and by ID', async () => {
    const web = await newSvid(domain, 'spiffe://example.org/web');
    api.x509.send({ svids: [svidMessage(svid, domain), svidMessage(web, domain, 'web')], federatedBundles: {} });
    const idsOf = async (...args: string[]) =>
      JSON.parse((await fetchCli('x509', '--json', ...args)).out).svids.map((each: typeof svid) => each.spiffeId);
    expect(await idsOf()).toEqual([svid.spiffeId, web.spiffeId]);
    expect(await idsOf('--hint', 'web')).toEqual([web.spiffeId]);
    expect(await idsOf('--spiffe-id', svid.spiffeId)).toEqual([svid.spiffeId]);
    expect(await fetchCli('x509', '--hint', 'db')).toMatchObject({ exit: 1, out: '' });
  });

  test('writes files that belong together', async () => {
    const at = join(folder, 'x509');
    const names = ['--combined-name', 'all.pem', '--json-name', 'svid.json', '--key-name', 'tls.key'];
    expect(await fetchCli('x509', '--write', at, ...names)).toMatchObject({ exit: 0 });
    const text = (name: string): string => readFileSync(join(at, name), 'utf8');
    const leaf = new X509Certificate(text('svid.pem'));
    expect(leaf.checkPrivateKey(createPrivateKey(text('tls.key')))).toBe(true);
    expect(leaf.subjectAltName).toBe(`URI:${svid.spiffeId}`);
    expect(text('all.pem')).toBe(text('svid.pem') + text('tls.key'));
    expect(new X509Certificate(text('bundle.pem')).ca).toBe(true);
    expect(JSON.parse(text('svid.json')).svids[0].privateKey).toBe(text('tls.key'));
    const modes = ['svid.pem', 'tls.key', 'all.pem', 'svid.json'].map((name) => statSync(join(at, name)).mode & 0o777);
    expect(modes).toEqual([0o644, 0o600, 0o600, 0o600]);
  });

  test('runs a command once the files are there', async () => {
    const at = join(folder, 'exec');
    const args = ['x509', '--write', at, '--mode', '0640', '--exec'];
    expect(await fetchCli(...args, `cp "${at}/svid.pem" "${folder}/copied"`)).toMatchObject({ exit: 0 });
    expect(readFileSync(join(folder, 'copied'), 'utf8')).toBe(readFileSync(join(at, 'svid.pem'), 'utf8'));
    expect(statSync(join(at, 'svid_key.pem')).mode & 0o777).toBe(0o640);
    expect(await fetchCli(...args, 'exit 7')).toMatchObject({ exit: 1 });
  });

  test.each([
    ['a file that is not there', 'none'],
    ['no number', 'text'],
    ['a whole group', '0'],
    ['the first process', '1'],
  ])('signals no process of %s', async (_name, content) => {
    const file = join(folder, `${content}.pid`);
    if (content !== 'none') writeFileSync(file, content);
    const args = ['--write', join(folder, 'signal'), '--signal', 'HUP', '--pid-file', file];
    expect(await fetchCli('x509', ...args)).toMatchObject({ exit: 1 });
  });

  test.each([
    [['--exec', 'true']],
    [['--write', 'x', '--signal', 'HUP']],
    [['--write', 'x', '--pid-file', 'y']],
    [['--write', 'x', '--signal', 'NONE', '--pid-file', 'y']],
    [['--write', 'x', '--mode', '888']],
    [['--write', 'x', '--mode', '0044']],
    [['--write', 'x', '--owner', 'nobody-has-this-name']],
    [['--write', 'x', '--cert-name', '../svid.pem']],
    [['--write', 'x', '--cert-name', '..data']],
    [['--write', 'x', '--cert-name', 'a/b']],
    [['--write', join(folder, 'same'), '--cert-name', 'a', '--key-name', 'a']],
    [['--timeout', 'soon']],
  ])('is used wrongly with %j', async (args) => {
    expect(await fetchCli('x509', ...args)).toMatchObject({ exit: 2 });
  });
});

describe('an agent that does not give', () => {
  test('no identity is a no, at once', async () => {
    const decision = '01'.repeat(16);
    api.x509.refuse(status.PERMISSION_DENIED, `no identity issued (decision ${decision})`);
    const answer = await fetchCli('x509');
    expect(answer.exit).toBe(1);
    expect(answer.err).toContain('no identity issued');
    expect(answer.err).toContain(`  on record: mayfly explain ${decision}\n`);
  });

  test.each([
    ['one that is away', ['--socket', '/nowhere/agent.sock']],
    ['one that says nothing', []],
  ])('after a while nothing can be told of %s', async (_name, more) => {
    const silent = await new TestWorkloadApi().start();
    const args = more.length > 0 ? more : ['--socket', silent.path];
    const answer = await runCli(['fetch', 'x509', '--timeout', '1s', '--json', ...args]);
    silent.close();
    expect(answer.exit).toBe(3);
    expect(JSON.parse(answer.out)).toMatchObject({ error: { code: 'unavailable' } });
  });

  test('one that starts while it waits answers', async () => {
    const late = new TestWorkloadApi();
    late.x509.send(x509Message(svid, domain));
    const answer = runCli(['fetch', 'x509', '--socket', late.path]);
    await late.start();
    expect(await answer).toMatchObject({ exit: 0 });
    late.close();
  });

  test('an answer that cannot be used is no answer', async () => {
    api.x509.send({ svids: [], federatedBundles: {} });
    expect(await fetchCli('x509')).toMatchObject({ exit: 3 });
  });

  test('nobody knows where it is', async () => {
    expect(await runCli(['fetch', 'x509'])).toMatchObject({ exit: 2 });
    expect(await runCli(['fetch', 'x509', '--socket', 'http://a'])).toMatchObject({ exit: 2 });
  });
});

describe('mayfly fetch jwt', () => {
  test('prints the token, or writes it', async () => {
    expect(await fetchCli('jwt', '--audience', 'db')).toMatchObject({ exit: 0, out: `${token}\n` });
    const { svids } = JSON.parse((await fetchCli('jwt', '--audience', 'db', '--json')).out);
    expect(svids).toMatchObject([{ spiffeId: svid.spiffeId, audience: ['db'], token }]);
    const at = join(folder, 'jwt');
    await fetchCli('jwt', '--audience', 'db', '--write', at, '--token-name', 'token');
    expect(readFileSync(join(at, 'token'), 'utf8')).toBe(token);
    expect(statSync(join(at, 'token')).mode & 0o777).toBe(0o600);
  });

  test('needs an audience', async () => {
    expect(await fetchCli('jwt')).toMatchObject({ exit: 2 });
  });
});

describe('mayfly fetch bundle', () => {
  test('shows each trust domain', async () => {
    const { out } = await fetchCli('bundle');
    expect(out.match(/^# .*$/gm)).toEqual(['# example.org', '# other.example']);
    const { bundles } = JSON.parse((await fetchCli('bundle', '--json')).out);
    expect(bundles['example.org']).toMatchObject({ x509: [domain.bundle.toString('base64')], jwt: { keys: [] } });
  });

  test('writes a file for each', async () => {
    const at = join(folder, 'bundle');
    await fetchCli('bundle', '--write', at);
    expect(new X509Certificate(readFileSync(join(at, 'bundle.other.example.pem'))).ca).toBe(true);
    expect(readFileSync(join(at, 'bundle.example.org.jwks.json'), 'utf8')).toBe('{"keys":[]}');
  });

  test('of one kind, where the other is switched off', async () => {
    api.jwtBundles.refuse(status.UNIMPLEMENTED);
    expect((await fetchCli('bundle')).exit).toBe(0);
  });
});

describe('mayfly validate jwt --audience', () => {
  const validate = (...args: string[]) => runCli(['validate', 'jwt', '--audience', 'db', ...args], {}, token);
  test('asks the agent', async () => {
    api.validate = ({ audience, svid: given }) => ({
      spiffeId: svid.spiffeId,
      claims: { fields: { aud: { stringValue: audience }, same: { boolValue: given === token } } },
    });
    const answer = await validate('--workload-socket', api.path, '--json');
    expect(answer.exit).toBe(0);
    expect(JSON.parse(answer.out)).toMatchObject({ status: 'valid', spiffeId: svid.spiffeId, claims: { same: true } });
  });

  test('says no to a token that is not good, and does not guess without an agent', async () => {
    api.validate = () => {
      throw { code: status.INVALID_ARGUMENT, details: 'the audience is another' } as unknown as Error;
    };
    const answer = await validate('--workload-socket', api.path);
    expect(answer.exit).toBe(1);
    expect(answer.out).toContain('the audience is another');
    expect((await validate()).exit).toBe(2);
    expect((await runCli(['validate', 'jwt', '--workload-socket', api.path], {}, token)).exit).toBe(2);
  });
});
