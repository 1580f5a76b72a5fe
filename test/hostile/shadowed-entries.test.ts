import { adminRoutes } from '../../src/adapters/http/routes/admin.ts';
import { entryIdProblem } from '../../src/domain/entry-rules.ts';
import { ownExchange } from '../../src/compose/agent-exchange.ts';
import type { Issuer } from '../../src/usecases/issuer.ts';

// An entry whose id is a path of the API could be made, but never be read, changed or deleted again.

const UNDER = /^\/v1\/admin\/entries\/([^/:]+)$/;

test('no entry can hide behind a fixed path', () => {
  const fixed = adminRoutes({} as Issuer, ownExchange().reader).flatMap(({ path }) => UNDER.exec(path)?.[1] ?? []);
  expect(fixed.length).toBeGreaterThan(0);
  for (const id of fixed) expect([id, entryIdProblem(id)]).toEqual([id, expect.any(String)]);
});
