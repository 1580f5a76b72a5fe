import type { SimulatedAgent } from './agent.ts';
import { DAY, MINUTE } from './event-time.ts';
import type { TokenUser } from './token-user.ts';
import { REFRESH_MS, type World } from './world.ts';

interface Cast {
  readonly world: World;
  readonly agents: readonly SimulatedAgent[];
  readonly tokens: TokenUser;
}

type Incident = (cast: Cast) => Promise<void>;

const idOf = async (world: World, purpose: string, state: string): Promise<string> =>
  (await world.authorities(purpose)).findLast((each) => each.state === state)?.id ?? '';

const operate = (world: World, body: object) =>
  world.journey.administer('POST', '/v1/admin/authorities', { confirm: true, ...body });

/** A thief has a key above the leaves: everything under its root is given up at once (DEC-23). */
const loseCa =
  (kind: 'taint' | 'revoke', purpose: 'x509-root' | 'x509-issuing'): Incident =>
  async ({ world, agents }) => {
    const id = await idOf(world, purpose, 'active');
    // In time for whoever looks from now on; who holds something hears of it when it next looks at the bundle.
    world.lose();
    await operate(world, { kind, id, force: true, reason: 'campaign' });
    world.tally.rootsCrossed += 1;
    await world.time.settle();
    world.published();
    for (const agent of agents) {
      world.time.after(1 + Math.floor(Math.random() * (REFRESH_MS - 1000)), () => agent.comeBack());
    }
  };

const loseTokenKey =
  (kind: 'taint' | 'revoke', purpose: 'jwt-svid' | 'access-token'): Incident =>
  async ({ world, tokens }) => {
    const id = await idOf(world, purpose, 'active');
    if (kind === 'revoke') tokens.lose(id);
    await operate(world, { kind, id, force: true });
    tokens.takeOver(await idOf(world, purpose, 'active'));
    await world.time.settle();
    world.published();
  };

/**
 * With time: the next root and an issuing CA under it first, a day for everyone to move, then the old root is revoked, which
 * needs no force any more. Six minutes later it would go by itself.
 */
const replaceRoot: Incident = async ({ world }) => {
  const old = await idOf(world, 'x509-root', 'active');
  await operate(world, { kind: 'activate', id: await idOf(world, 'x509-root', 'prepared') });
  await operate(world, { kind: 'prepare', purpose: 'x509-issuing' });
  await operate(world, { kind: 'activate', id: await idOf(world, 'x509-issuing', 'prepared') });
  world.tally.rootsCrossed += 1;
  await world.time.settle();
  world.published();
  const tooEarly = await operate(world, { kind: 'revoke', id: old }).then(
    () => 'done',
    (error: { readonly code?: string }) => error.code,
  );
  if (tooEarly !== 'confirmation_required') world.tally.problem(world.time.now(), `revoking a live root: ${tooEarly}`);
  world.time.after(DAY + 3 * MINUTE, async () => {
    await operate(world, { kind: 'revoke', id: old });
    await world.time.settle();
    world.published();
  });
};

const INCIDENTS: readonly (readonly [string, Incident])[] = [
  ['taint of a JWT-SVID key', loseTokenKey('taint', 'jwt-svid')],
  ['revocation of an access-token key', loseTokenKey('revoke', 'access-token')],
  ['replacement of the root', replaceRoot],
  ['taint of the issuing CA', loseCa('taint', 'x509-issuing')],
  ['revocation of a JWT-SVID key', loseTokenKey('revoke', 'jwt-svid')],
  ['taint of the root', loseCa('taint', 'x509-root')],
  ['revocation of the issuing CA', loseCa('revoke', 'x509-issuing')],
  ['revocation of the root', loseCa('revoke', 'x509-root')],
];

/** Ten months in, so that a long campaign first crosses a root by itself. Days. */
const QUIET_DAYS = 310;

/** Everything that can be lost, one after another, spread over the days that are left. */
export const planIncidents = (cast: Cast, days: number): void => {
  const { time, tally } = cast.world;
  const first = days > QUIET_DAYS + 60 ? QUIET_DAYS : 3;
  const apart = (days - 4 - first) / (INCIDENTS.length - 1);
  for (const [at, [name, incident]] of INCIDENTS.entries()) {
    time.after((first + at * apart) * DAY, async () => {
      tally.incidents.push(name);
      await incident(cast);
    });
  }
};
