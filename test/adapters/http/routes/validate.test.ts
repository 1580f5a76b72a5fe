import type { CallerChecks } from '../../../../src/adapters/http/request-context.ts';
import { validateRoutes } from '../../../../src/adapters/http/routes/validate.ts';
import type { Caller } from '../../../../src/usecases/authenticate-caller.ts';
import { createJoinToken } from '../../../../src/usecases/create-join-token.ts';
import { attestWith, callerOf, startAttesting, type TestAttesting } from '../../../support/attesting.ts';
import { askJson, noCallers, startServer, testServices, type RunningServer } from '../../../support/http.ts';

let it: TestAttesting;
let running: RunningServer;
let caller: Caller | undefined;

const callers: CallerChecks = {
  ...noCallers,
  caller: (presented, request) => (caller ? Promise.resolve(caller) : noCallers.caller(presented, request)),
};

beforeAll(async () => {
  it = await startAttesting();
  running = await startServer(
    validateRoutes(it.attesting, () => undefined),
    { services: testServices({ callers }) },
  );
});
afterAll(async () => {
  await running.server.close();
  await it.close();
});

const newWorkload = async (name: string) => {
  const entry = await it.entry(name);
  const { token } = await createJoinToken(it.attesting, { purpose: { entry: entry.id }, by: 'uid:0' });
  const identity = await attestWith(it, 'join_token', { token });
  const [leaf = new Uint8Array()] = identity.chain;
  return { credential: Buffer.from(leaf).toString('base64'), caller: callerOf(it, identity) };
};

const validate = (value: object) => askJson({ port: running.port, path: '/v1/validate', value });

// DEC-31
test('a holder hears of its own credential, nobody else does, and that is on record', async () => {
  const [one, other] = [await newWorkload('one'), await newWorkload('other')];
  caller = one.caller;
  const own = await validate({ credential: one.credential });
  expect([own.status, own.json()['status'], own.headers['cache-control']]).toEqual([200, 'valid', 'no-store']);
  const refused = await validate({ credential: other.credential });
  expect([refused.status, refused.json()['code']]).toEqual([403, 'forbidden']);
  expect(refused.text).not.toContain(other.caller.spiffeId);
  expect(it.lastDenial()).toMatchObject({ operation: 'POST /v1/validate', spiffeId: one.caller.spiffeId });
  expect((await validate({ credential: 'nothing' })).json()).toEqual({ status: 'unknown' });
});

test('without a certificate, or with too much, nothing is said', async () => {
  caller = undefined;
  expect((await validate({ credential: 'x' })).status).toBe(401);
  ({ caller } = await newWorkload('three'));
  expect((await validate({ credential: 'x'.repeat(32 * 1024 + 1) })).status).toBe(400);
  expect((await validate({})).status).toBe(400);
});
