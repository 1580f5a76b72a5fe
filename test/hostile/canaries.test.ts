import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unseal } from '../../src/adapters/keys/seal.ts';
import { initServer } from '../../src/compose/init-server.ts';
import { parseTrustDomain } from '../../src/domain/trust-domain.ts';
import { type Answered, ask } from '../support/http.ts';
import { csrOf, heldFrom, Journey, readLedger } from '../support/journey.ts';
import type { ReadyLine } from '../support/journey-child.ts';
import { JWT_SPIFFE } from '../support/journey-oauth.ts';
import { testKey } from '../support/jwt-keys.ts';
import { issuerOnFile, tokenOf } from '../support/oidc-keys-on-file.ts';
import { type CommandResult, runCommand } from '../support/run-command.ts';
import { ROOT } from '../support/source-tree.ts';
import { newKey } from '../support/x509.ts';

/**
 * `mayfly server run` as an operator starts it, under the worst umask there is, while secrets pass through it where they
 * belong and where they do not. Afterwards they are looked for in all that it said, answered, counted and wrote.
 */

const folder = mkdtempSync(join(tmpdir(), 'mayfly-canaries-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PUBLIC_URL = 'https://id.example.org';
const ci = testKey('ES256');
const PASSWORD = 'canary-password-of-a-client';

/** Everything secret, by what it is; for a token its signature, since its claims are on record by design. */
const secrets = new Map<string, string>();
/** All that was answered, but for the answers that hand a secret to its holder. */
const said: string[] = [];
/** What the process and the machine show of it while it runs. */
let metrics = '';
let shown = '';
let coreLimit = '';
let ended: CommandResult;

const signatureOf = (token: string): string => token.split('.').at(-1) ?? token;
const heard = async (asking: Promise<Answered>): Promise<Answered> => {
  const answer = await asking;
  said.push(JSON.stringify(answer.headers), answer.text);
  return answer;
};

/**
 * Each secret once more in places where it does not belong. Not as the name of something that is asked for (an entry, an
 * audience): those are on record by design, in the part that can be erased.
 */
const misplace = async (journey: Journey, held: ReturnType<typeof heldFrom>, secret: string): Promise<void> => {
  const [api, open, mine] = [journey.api(), journey.public(), journey.api(held)];
  const headers = { authorization: `Basic ${secret}`, cookie: `s=${secret}`, 'x-forwarded-for': secret };
  const oneLine = secret.replaceAll(/\s/g, '');
  await heard(open.ask(`/keys/${encodeURIComponent(oneLine).slice(0, 4000)}?token=${oneLine.slice(0, 300)}`));
  await heard(open.postForm('/oauth2/token', { grant_type: secret, scope: secret, client_assertion: secret }));
  await heard(open.postForm('/oauth2/token', { client_id: secret, client_secret: secret, resource: secret }));
  await heard(api.ask('/v1/attest', { method: 'POST', headers: { authorization: `Bearer ${oneLine}` } }));
  await heard(
    open.ask('/oauth2/token', {
      method: 'POST',
      headers: { ...headers, authorization: `Basic ${oneLine}`, cookie: oneLine, 'x-forwarded-for': oneLine },
    }),
  );
  for (const type of ['join_token', 'oidc', 'x509pop', 'node_key', secret.slice(0, 60)]) {
    await heard(
      api.postJson('/v1/attest', { type, evidence: { token: secret, [secret.slice(0, 60)]: secret }, csr: secret }),
    );
    await heard(api.postJson('/v1/attest', { type, evidence: { token: `${secret}x` }, csr: csrOf(newKey()) }));
  }
  await heard(mine.postJson('/v1/validate', { credential: secret }));
  await heard(mine.postJson('/v1/svids/x509', { items: [{ csr: secret, entryId: 'web' }] }));
  await heard(
    mine.ask('/v1/svids/x509', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"items":"${oneLine}`,
    }),
  );
};

const work = async (ready: ReadyLine): Promise<void> => {
  const journey = Journey.around(ready);
  const [token, unused] = [await journey.joinToken({ agent: 'node' }), await journey.joinToken({ agent: 'other' })];
  const key = newKey();
  const agent = heldFrom((await journey.redeem(token, key)).json(), key);
  const resource = { identifier: 'https://r.example.org', scopes: [{ name: 'read' }], bindings: ['bearer'] };
  await journey.administer('POST', '/v1/admin/resources', resource);
  const grants = [{ resource: 'https://r.example.org', scopes: ['read'], defaultScopes: ['read'], bearer: true }];
  await journey.entry('web', { parentId: agent.spiffeId, grants });
  await journey.entry('job', { selectors: ['oidc:ci:sub:job'] });
  const items = [{ audience: [`${PUBLIC_URL}/oauth2`], entryId: 'web' }];
  const issued = (await journey.api(agent).postJson('/v1/svids/jwt', { items })).json() as {
    items: { token: string }[];
  };
  const assertion = issued.items[0]?.token ?? '';
  const form = { grant_type: 'client_credentials', client_assertion_type: JWT_SPIFFE, client_assertion: assertion };
  const granted = (await journey.public().postForm('/oauth2/token', form)).json();
  const now = Math.floor(Date.now() / 1000);
  const evidence = tokenOf(ci, 'ci', { iat: now, exp: now + 300 });
  await heard(
    journey.api().postJson('/v1/attest', { type: 'oidc', evidence: { token: evidence }, csr: csrOf(newKey()) }),
  );

  const whole = {
    token,
    unused,
    assertion,
    access: String(granted['access_token']),
    evidence,
    PASSWORD,
    key: agent.keyPem,
  };
  for (const secret of Object.values(whole)) await misplace(journey, agent, secret);
  for (const [name, secret] of Object.entries(whole)) secrets.set(name, signatureOf(secret));
  secrets.set('key', agent.keyPem.split('\n')[1] ?? '');

  metrics = (await ask({ socketPath: ready.adminSocket, path: '/metrics' })).text;
  shown = ['cmdline', 'environ'].map((name) => readFileSync(`/proc/${ready.pid}/${name}`, 'latin1')).join('\n');
  coreLimit = /^Max core file size +(\S+)/m.exec(readFileSync(`/proc/${ready.pid}/limits`, 'utf8'))?.[1] ?? '';
};

interface Found {
  readonly path: string;
  readonly mode: number;
  readonly isFolder: boolean;
}

const everythingBelow = (path: string): readonly Found[] =>
  readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const below = join(path, entry.name);
    const { mode } = statSync(below);
    const found = { path: below, mode: mode & 0o777, isFolder: entry.isDirectory() };
    return entry.isDirectory() ? [found, ...everythingBelow(below)] : [found];
  });

const contentOf = (files: readonly Found[]): string =>
  files
    .filter(({ path, isFolder }) => !isFolder && !path.endsWith('.sock'))
    .map(({ path }) => readFileSync(path, 'latin1'))
    .join('\n');

/** The forms in which octets usually turn up in text and files. */
const formsOf = (octets: Buffer): readonly string[] => [
  octets.toString('latin1'),
  octets.toString('hex'),
  octets.toString('hex').toUpperCase(),
  octets.toString('base64').replace(/=+$/, ''),
  octets.toString('base64url'),
];

/** The seal key, and what it seals, in all their forms. */
const sealedSecrets = (): ReadonlyMap<string, string> => {
  const sealKey = readFileSync(at('keys/seal.key'));
  const trustDomain = parseTrustDomain('example.org');
  const kept = readLedger(at('data'), ({ log, authorities }) => ({ logId: log.head().logId, all: authorities.list() }));
  const found = new Map(formsOf(sealKey).map((form, at) => [`seal key ${at}`, form]));
  for (const { id, purpose, key } of kept.all) {
    if (key.kind !== 'sealed') continue;
    const pkcs8 = unseal(key.blob, sealKey, { trustDomain, logId: kept.logId, keyId: id, purpose });
    const { d = '' } = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
    for (const [at, form] of [...formsOf(Buffer.from(d, 'base64url')), ...formsOf(pkcs8)].entries()) {
      found.set(`${purpose} ${id} ${at}`, form);
    }
  }
  return found;
};

/** Files and folders while it ran, and afterwards. */
let seen: readonly Found[] = [];
let written = '';

beforeAll(async () => {
  initServer({
    file: at('mayfly.yaml'),
    trustDomain: 'example.org',
    dataDir: at('data'),
    sealKey: at('keys/seal.key'),
    adminSocket: at('data/admin.sock'),
  });
  const { jwksFile } = issuerOnFile(folder, 'ci', [ci]);
  const oidc = { issuers: [{ name: 'ci', url: 'https://ci.example', jwksFile }] };
  writeFileSync(at('mayfly.yaml'), `attestors: ${JSON.stringify({ oidc })}\n`, { flag: 'a' });
  const free = ['api', 'public', 'metrics'].flatMap((name) => ['--set', `server.${name}.port=0`]);
  const local = ['api', 'public'].flatMap((name) => ['--set', `server.${name}.address=127.0.0.1`]);
  const program = [
    process.execPath,
    join(ROOT, 'bin/mayfly.js'),
    'server',
    'run',
    '--json',
    '--config',
    at('mayfly.yaml'),
  ];
  const set = ['--set', 'server.frontEnds=1', '--set', `server.public.url=${PUBLIC_URL}`];
  let worked: Promise<void> | undefined;
  ended = await runCommand('/bin/sh', ['-c', 'umask 0; exec "$0" "$@"', ...program, ...free, ...local, ...set], {
    cwd: folder,
    onLine: (line, child) => {
      worked = work(JSON.parse(line) as ReadyLine).finally(() => {
        seen = everythingBelow(folder);
        written = contentOf(seen.filter(({ path }) => path !== at('keys/seal.key')));
        child.kill('SIGTERM');
      });
    },
  });
  await worked;
  const left = everythingBelow(folder);
  written = `${written}\n${contentOf(left.filter(({ path }) => path !== at('keys/seal.key')))}`;
  seen = [...seen, ...left];
}, 20_000);

const leaked = (text: string, what: ReadonlyMap<string, string>): readonly string[] =>
  [...what].filter(([, secret]) => text.includes(secret)).map(([name]) => name);

test('the run went through, and there was something to look for', () => {
  expect([ended.code, ended.signal]).toEqual([0, null]);
  expect([...secrets.values()].every((secret) => secret.length >= 20)).toBe(true);
  expect(secrets.size).toBe(7);
  expect(sealedSecrets().size).toBeGreaterThan(70);
  expect(said.length).toBeGreaterThan(200);
  // The look finds what is there.
  expect(leaked(written, new Map([['the trust domain', 'spiffe://example.org/web']]))).toHaveLength(1);
});

test('nothing secret is in the logs, on stdout, in an answer, a metric, the command line or the environment', () => {
  const texts = { stdout: ended.stdout, stderr: ended.stderr, answers: said.join('\n'), metrics, shown };
  for (const [where, text] of Object.entries(texts)) {
    expect([where, leaked(text, secrets), leaked(text, sealedSecrets())]).toEqual([where, [], []]);
    expect([where, text.includes('PRIVATE KEY')]).toEqual([where, false]);
  }
  expect(metrics).toContain('mayfly_credentials_issued_total');
  expect(ended.stderr).not.toBe('');
});

test('nor in a file of the server, the log for writes ahead included, but for the seal key in its own', () => {
  expect(leaked(written, secrets)).toEqual([]);
  expect(leaked(written, sealedSecrets())).toEqual([]);
  expect(written).not.toContain('PRIVATE KEY');
});

test('what others on the machine may read or enter is public, whatever the umask', () => {
  const mine = seen.filter(({ path }) => !path.endsWith('ci.json'));
  const loose = mine.filter(({ mode }) => (mode & 0o077) !== 0).map(({ path }) => path.slice(folder.length + 1));
  // Within the data folder nobody else gets to them; the configuration holds names of files, no secrets.
  expect([...new Set(loose)].sort()).toEqual(['data/bundle.json', 'data/bundle.pem', 'mayfly.yaml']);
  const modes = Object.fromEntries(mine.map(({ path, mode }) => [path.slice(folder.length + 1), mode]));
  expect(modes).toMatchObject({
    data: 0o700,
    keys: 0o700,
    'keys/seal.key': 0o400,
    'data/ledger.db': 0o600,
    'data/ledger.db-wal': 0o600,
    'data/ledger.db-shm': 0o600,
    'data/head.json': 0o600,
    'data/admin.sock': 0o600,
  });
});

test('no core, heap snapshot or report of the runtime is written, now or at a crash', () => {
  expect(coreLimit).toBe('0'); // DEC-37
  const names = everythingBelow(folder).map(({ path }) => path);
  expect(names.filter((path) => /core|heapsnapshot|heapprofile|cpuprofile|report\.|\.log$|\.next$/.test(path))).toEqual(
    [],
  );
});
