import { authorityRoutes } from '../../../../src/adapters/http/routes/admin-authorities.ts';
import type { Admin } from '../../../../src/adapters/http/route.ts';
import { callerChecks } from '../../../../src/adapters/http/callers.ts';
import { createJoinToken } from '../../../../src/usecases/create-join-token.ts';
import { validateCredential } from '../../../../src/usecases/validate-credential.ts';
import { id } from '../../../support/administration.ts';
import { attestWith, startAttesting, type TestAttesting } from '../../../support/attesting.ts';
import { ask, askJson, startServer, testServices, type Answered, type RunningServer } from '../../../support/http.ts';

let it: TestAttesting;
let running: RunningServer;
let admin: Admin;

beforeEach(async () => {
  admin = { name: 'uid:0', role: 'owner' };
  it = await startAttesting();
  running = await startServer(authorityRoutes(it.attesting, it.keeper), {
    listener: 'admin',
    services: testServices({ callers: callerChecks(it.attesting) }),
    peerOf: () => ({ source: 'uid:0', admin }),
  });
});
afterEach(async () => {
  await running.server.close();
  await it.close();
});

const PATH = '/v1/admin/authorities';
const post = (value: object, path = PATH): Promise<Answered> => askJson({ port: running.port, path, value });

interface Listed {
  readonly id: string;
  readonly purpose: string;
  readonly state: string;
}

const list = async (): Promise<readonly Listed[]> => {
  const answer = await ask({ port: running.port, path: PATH });
  return answer.json()['authorities'] as readonly Listed[];
};

const findId = async (purpose: string, state: string): Promise<string> =>
  (await list()).find((each) => each.purpose === purpose && each.state === state)?.id ?? '';

const codeOf = (answer: Answered): unknown => [answer.status, answer.json()['code']];

test('authorities are listed without anything of their private keys', async () => {
  const answer = await ask({ port: running.port, path: PATH });
  expect(answer.text).not.toMatch(/"key"|"blob"|"reference"/);
  expect(new Set((await list()).map(({ purpose }) => purpose))).toEqual(
    new Set(['x509-root', 'x509-issuing', 'jwt-svid', 'access-token']),
  );
});

test('a change is previewed, confirmed, and done', async () => {
  const active = await findId('jwt-svid', 'active');
  const taint = { kind: 'taint', id: active, reason: 'drill' };
  const plan = await post(taint, `${PATH}/preview`);
  expect(plan.json()['changes']).toContainEqual({ kind: 'authority-tainted', id: active });
  expect(codeOf(await post(taint))).toEqual([409, 'confirmation_required']);
  expect((await post({ ...taint, confirm: true })).status).toBe(200);
  expect(await findId('jwt-svid', 'active')).not.toBe(active);
});

test('what a revoked root has under it is revoked', async () => {
  // DEC-23, DEC-31
  const entry = await it.entry('under-the-root');
  const { token } = await createJoinToken(it.attesting, { purpose: { entry: entry.id }, by: 'uid:0' });
  const [leaf = new Uint8Array()] = (await attestWith(it, 'join_token', { token })).chain;
  const revoke = { kind: 'revoke', id: await findId('x509-issuing', 'active'), confirm: true };
  expect(codeOf(await post(revoke))).toEqual([409, 'confirmation_required']);
  expect((await post({ ...revoke, force: true })).status).toBe(200);
  expect(validateCredential(it.attesting, leaf)).toMatchObject({ status: 'revoked', reason: 'authority_revoked' });
});

test.each<[Admin, object, number]>([
  [{ name: 'x', role: 'registrar' }, { kind: 'prepare', purpose: 'jwt-svid' }, 403],
  [{ name: 'x', role: 'owner', prefix: id('/team') }, { kind: 'taint', id: 'x', confirm: true }, 403],
  [{ name: 'x', role: 'owner' }, { kind: 'taint', id: 'nobody', confirm: true }, 404],
  [{ name: 'x', role: 'owner' }, { kind: 'burn', id: 'x' }, 400],
  [{ name: 'x', role: 'owner' }, { kind: 'prepare', purpose: 'anything' }, 400],
])('%j may not have %j', async (who, body, status) => {
  admin = who;
  expect((await post(body)).status).toBe(status);
});

test('only an offline root signs requests, and only certificates are installed', async () => {
  const request = await ask({ port: running.port, method: 'POST', path: `${PATH}/request` });
  expect(codeOf(request)).toEqual([409, 'authority_state']);
  expect(codeOf(await post({ certificate: 'nothing' }, `${PATH}/install`))).toEqual([400, 'invalid_request']);
});
