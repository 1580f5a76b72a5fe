import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../support/run-command.ts';
import { ROOT } from '../support/source-tree.ts';

const MAIN = join(ROOT, 'examples', 'quickstart', 'main.ts');

interface Line {
  readonly step: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly facts: Readonly<Record<string, unknown>>;
}

const linesOf = (stdout: string): readonly Line[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

const ID = expect.stringMatching(/^[0-7][0-9a-f]{31}$/);
const PLACE = { epoch: 1, index: expect.any(Number) as number };
const ORDERS = 'https://orders.example.org';
const APP = 'spiffe://example.org/app';

/** A folder for temporary files of its own, so that what is left behind shows. */
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** What a program asks the agent, where there is one. */
const ASKED = {
  'local-entry': {
    entry: { id: 'billing', spiffeId: 'spiffe://example.org/billing', revision: 1 },
    selector: `unix:uid:${process.getuid?.()}`,
  },
  'workload-api': {
    language: expect.stringMatching(/^(?:Python|TypeScript)/),
    spiffeId: 'spiffe://example.org/billing',
    tool: expect.stringMatching(/^(?:openssl verify -x509_strict|node:crypto)$/),
    said: expect.any(String),
  },
};

/** Runs the quickstart; `onStep` hears of each line of stdout. Gives its end, and kills it should the test end first. */
const runQuickstart = (args: readonly string[], onStep: (line: Line, pid: number) => void) =>
  new Promise<{ code: number | null; stderr: string }>((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: { PATH: process.env['PATH'], TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 18_000,
      killSignal: 'SIGTERM',
    });
    let [rest, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onStep(JSON.parse(line) as Line, child.pid ?? 0);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.on('close', (code) => resolve({ code, stderr }));
  });

describe('the quickstart', () => {
  test('tells its story with facts that hold', async () => {
    const ended = await runCommand(process.execPath, [MAIN, '--once', '--json'], {
      env: { TMPDIR: folder, MAYFLY_INSTALL_MS: '1234' },
    });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const lines = linesOf(ended.stdout);
    expect(lines.every(({ ok, ms }) => ok && ms >= 0)).toBe(true);
    const facts = Object.fromEntries(lines.map((line) => [line.step, line.facts]));
    const revocation = facts['revoke']?.['id'];
    expect(facts).toEqual({
      start: {
        trustDomain: 'example.org',
        api: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/),
        public: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/),
        pid: expect.any(Number),
      },
      resource: {
        identifier: ORDERS,
        scopes: ['orders:read', 'orders:write'],
        bindings: ['mtls'],
        owners: ['spiffe://example.org/orders-api'],
        revision: 1,
      },
      entries: {
        entries: [
          { id: 'app', spiffeId: APP, revision: 1 },
          { id: 'orders-api', spiffeId: 'spiffe://example.org/orders-api', revision: 1 },
        ],
      },
      'join-tokens': {
        tokens: [
          { id: ID, spiffeId: APP, expiresAt: expect.any(Number) },
          { id: ID, spiffeId: 'spiffe://example.org/orders-api', expiresAt: expect.any(Number) },
        ],
      },
      'x509-svid': {
        spiffeId: APP,
        serial: ID,
        notBefore: expect.any(Number),
        notAfter: expect.any(Number),
        certificates: 2,
        ledger: PLACE,
      },
      'verify-x509-svid': expect.objectContaining({
        tool: expect.stringMatching(/^(?:openssl verify -x509_strict|node:crypto)$/),
      }),
      'jwt-svid': {
        header: { alg: 'ES256', typ: 'JWT', kid: expect.any(String) },
        claims: expect.objectContaining({
          sub: APP,
          aud: ['spiffe://example.org/reports'],
          iss: facts['start']?.['public'],
        }),
        ledger: PLACE,
      },
      'verify-jwt-svid': expect.objectContaining({ tool: 'jose', issuer: facts['start']?.['public'] }),
      // AT-01, AT-06
      'access-token': {
        scope: 'orders:read',
        header: { alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) },
        claims: expect.objectContaining({
          iss: `${String(facts['start']?.['public'])}/oauth2`,
          sub: APP,
          client_id: APP,
          aud: ORDERS,
          scope: 'orders:read',
          cnf: { 'x5t#S256': expect.stringMatching(/^[\w-]{43}$/) },
        }),
        ledger: PLACE,
      },
      'verify-access-token': expect.objectContaining({ tool: 'jose' }),
      'scope-not-granted': expect.objectContaining({
        status: 400,
        error: 'invalid_scope',
        decision: ID,
        ledger: PLACE,
      }),
      ...(process.platform === 'linux' && ASKED),
      'resource-starts': expect.objectContaining({ spiffeId: 'spiffe://example.org/orders-api', serial: ID }),
      'call-accepted': { status: 200, caller: APP, orders: 2 },
      'call-without-scope': expect.objectContaining({ status: 403, error: 'insufficient_scope' }),
      'call-with-stolen-token': expect.objectContaining({ status: 401, error: 'invalid_token' }),
      revoke: expect.objectContaining({
        id: ID,
        predicates: ['cutoff', 'block'],
        reason: 'key_compromise',
        credentials: { 'x509-svid': 1, 'jwt-svid': 1, 'access-token': 1 },
      }),
      'renewal-refused': {
        status: 401,
        code: 'unauthenticated',
        decision: ID,
        summary: expect.stringContaining(`revoked by ${String(revocation)}`),
        revocation,
        ledger: PLACE,
      },
      'token-refused': { status: 401, error: 'invalid_client', decision: ID },
      'call-after-revocation': expect.objectContaining({
        status: 401,
        error: 'invalid_token',
        description: expect.stringMatching(/^the token is revoked since .* \(key_compromise\)$/),
      }),
      done: { runMs: expect.any(Number), installMs: 1234 },
    });
    // What is in the ledger lies there in the order of the story.
    const places = lines.flatMap((line) => (line.facts['ledger'] as { index: number } | undefined)?.index ?? []);
    expect(places.length).toBeGreaterThanOrEqual(6);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    // No join token, and no JWT that could be used.
    expect(ended.stdout).not.toMatch(/mf-join-|eyJ/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('speaks plainly to people, without colour where there is no terminal', async () => {
    const ended = await runCommand(process.execPath, [MAIN, '--once'], { env: { TMPDIR: folder } });
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain('All as it should be.');
    expect(ended.stdout).toContain('$ bin/mayfly.js revoke --identity spiffe://example.org/app');
    expect(ended.stdout).not.toContain('\u001b');
    expect(ended.stdout).not.toMatch(/mf-join-|eyJ|undefined/);
  });

  test('stays up with working next steps, and leaves nothing behind', async () => {
    let server = 0;
    let hasSocket = false;
    let next: readonly { readonly command: string }[] = [];
    const ended = await runQuickstart(['--json'], (line, pid) => {
      if (line.step === 'start') server = line.facts['pid'] as number;
      if (line.step !== 'waiting') return;
      next = line.facts['next'] as typeof next;
      hasSocket = existsSync(line.facts['adminSocket'] as string);
      process.kill(pid, 'SIGINT');
    });
    expect(ended).toEqual({ code: 0, stderr: '' });
    expect(hasSocket).toBe(true);
    expect(next.map(({ command }) => command)).toContain('bin/mayfly.js credential list');
    expect(isAlive(server)).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s in the middle of the story ends the server too', async (signal, code) => {
    let server = 0;
    const ended = await runQuickstart(['--json', '--once'], (line, pid) => {
      if (line.step !== 'start') return;
      server = line.facts['pid'] as number;
      process.kill(pid, signal);
    });
    expect(ended).toEqual({ code, stderr: '' });
    expect(isAlive(server)).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a step that does not give what it should ends it with a sentence', async () => {
    const steps: Line[] = [];
    const ended = await runQuickstart(['--json', '--once'], (line) => {
      steps.push(line);
      if (line.step === 'start') process.kill(line.facts['pid'] as number, 'SIGKILL');
    });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^quickstart: \S.*\n$/);
    expect(steps.at(-1)?.ok).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('an option that it does not know is a wrong use', async () => {
    const ended = await runCommand(process.execPath, [MAIN, '--twice'], { env: { TMPDIR: folder } });
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toContain('--twice');
    expect(readdirSync(folder)).toEqual([]);
  });
});
