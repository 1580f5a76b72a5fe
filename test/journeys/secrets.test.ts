import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joinTokenHash } from '../../src/formats/join-token.ts';
import { csrOf, heldFrom, Journey } from '../support/journey.ts';
import { startDevChild } from '../support/journey-child.ts';
import { newKey } from '../support/x509.ts';

/** What passed through a server, and must be nowhere in what it keeps and writes (AS-09, DEC-16, DEC-26). */
const JWT_SPIFFE = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe';

test('no secret stays in the store or comes out of the process', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'mayfly-secrets-'));
  const child = await startDevChild(['--data-dir', dataDir]);
  const journey = Journey.around(child.line);
  const token = await journey.joinToken({ agent: 'node' });
  const unused = await journey.joinToken({ agent: 'other' });
  const key = newKey();
  const agent = heldFrom((await journey.redeem(token, key)).json(), key);
  const resource = { identifier: 'https://r.example.org', scopes: [{ name: 'read' }], bindings: ['bearer'] };
  await journey.administer('POST', '/v1/admin/resources', resource);
  const grants = [{ resource: 'https://r.example.org', scopes: ['read'], defaultScopes: ['read'], bearer: true }];
  await journey.entry('web', { parentId: agent.spiffeId, grants });
  const api = journey.api(agent);
  const audience = [`${child.line.public}/oauth2`];
  const issued = await api.postJson('/v1/svids/jwt', { items: [{ audience, entryId: 'web' }] });
  const assertion = (issued.json() as { items: { token: string }[] }).items[0]?.token ?? '';
  const form = {
    grant_type: 'client_credentials',
    client_assertion_type: JWT_SPIFFE,
    client_assertion: assertion,
  };
  const open = journey.public();
  const accessToken = String((await open.postForm('/oauth2/token', form)).json()['access_token']);
  expect(accessToken.split('.')).toHaveLength(3);

  // Each of them once more where it does not belong: in a path, a query, a header, a body that does not parse.
  const secrets = [token, unused, assertion, accessToken];
  for (const secret of secrets) {
    await open.ask(`/keys/${secret}`);
    await open.ask(`/keys?access_token=${secret}`);
    await open.ask('/v1/attest', { headers: { authorization: `Bearer ${secret}` } });
    await open.postForm('/oauth2/token', { ...form, client_assertion: `${secret}x` });
    await open.postForm(`/oauth2/token?token=${secret}`, form);
    await api.postJson('/v1/validate', { credential: `${secret}x` });
    await api.postJson('/v1/svids/jwt', { items: [{ audience: [secret.slice(0, 10)], [secret]: 1 }] });
    const bad = { type: 'join_token', evidence: { token: secret.toUpperCase(), [secret]: secret }, csr: csrOf(key) };
    await journey.api().postJson('/v1/attest', bad);
    await journey.administer('GET', `/v1/admin/entries/${encodeURIComponent(secret)}`).catch(() => undefined);
  }

  const look = (): string =>
    readdirSync(dataDir, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile() && file.name !== 'seal.key')
      .map((file) => readFileSync(join(file.parentPath, file.name), 'latin1'))
      .join('\n');
  const running = look();
  expect((await child.end('SIGTERM')).code).toBe(0);
  const left = `${running}\n${look()}\n${child.stdout()}\n${child.stderr()}`;
  const sealKey = readFileSync(join(dataDir, 'seal.key'));
  rmSync(dataDir, { recursive: true, force: true });

  // A token's signature is enough to tell it; its claims are on record by design.
  const told = (secret: string): string => secret.split('.').at(-1) ?? secret;
  expect(secrets.filter((secret) => left.includes(told(secret)))).toEqual([]);
  expect(left.includes(sealKey.toString('latin1').trim())).toBe(false);
  expect(left).not.toContain('PRIVATE KEY');
  expect(left).toContain(Buffer.from(joinTokenHash(unused), 'hex').toString('latin1')); // the look finds what is there
}, 20_000);
