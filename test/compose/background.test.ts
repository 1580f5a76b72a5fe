import { Background } from '../../src/compose/background.ts';
import type { Authority, AuthorityPurpose } from '../../src/domain/authority.ts';
import { recordFacts } from '../../src/usecases/authority-keeper.ts';
import { bootstrapAuthorities } from '../../src/usecases/rotate-authorities.ts';
import { openTestAuthorities, testPolicy, TRUST_DOMAIN, type TestAuthorities } from '../support/authorities.ts';
import { keepingLogger } from '../support/http.ts';
import { eventually } from '../support/manual-time.ts';

let world: TestAuthorities;
let background: Background;
let logger: ReturnType<typeof keepingLogger>;
/** What `renew` of the server's own SVID does, and how often it was asked. */
let renew: () => Promise<void>;
let renewals: number;
let probes: number;

beforeEach(async () => {
  world = await openTestAuthorities();
  await bootstrapAuthorities(world.keeper);
  world.follower.refresh();
  logger = keepingLogger();
  renew = () => Promise.resolve();
  renewals = 0;
  probes = 0;
  const done = (): Promise<void> => Promise.resolve();
  background = new Background({
    // Nothing runs by time here.
    timers: { repeat: () => () => undefined },
    clock: world.clock,
    logger,
    store: world.open,
    issuer: { ...world, policy: testPolicy(TRUST_DOMAIN) },
    keeper: world.keeper,
    svid: {
      renew: () => {
        renewals += 1;
        return renew();
      },
    },
    bundleFile: { catchUp: () => undefined },
    tell: () => {
      probes += 1;
    },
    flushDenials: done,
    purged: done,
    countAgents: done,
  });
  await background.start();
});
afterEach(async () => {
  background.stop();
  await world.close();
});

const one = (purpose: AuthorityPurpose, state: Authority['state']): Authority => {
  const found = world.views.authorities.list(purpose).find((each) => each.state === state);
  if (found === undefined) throw new Error(`no ${state} ${purpose}`);
  return found;
};

/** A change of authorities, which the server follows. */
const taint = async ({ id, purpose }: Authority): Promise<void> => {
  await recordFacts(world.keeper, [{ kind: 'authority-tainted', id, purpose, by: 'test' }]);
  world.follower.refresh();
};

const failures = (): readonly unknown[] => logger.lines.filter(({ message }) => message.includes('failed'));

// Between the taint of a lost CA and the activation of its successor.
test('while the active CA is tainted nobody is asked to sign, and nothing is said to fail', async () => {
  await taint(one('x509-issuing', 'active'));
  expect(renewals).toBe(0);
  expect(probes).toBe(1);
  expect(failures()).toEqual([]);
});

test('authorities that changed renew the own SVID, and readiness is told', async () => {
  await taint(one('jwt-svid', 'prepared'));
  await eventually(() => probes === 2);
  expect(renewals).toBe(1);
});

test('a renewal that fails is tried once more', async () => {
  renew = () => (renewals === 1 ? Promise.reject(new Error('the CA is lost')) : Promise.resolve());
  await taint(one('jwt-svid', 'prepared'));
  await eventually(() => probes === 2);
  expect(renewals).toBe(2);
  expect(failures()).toEqual([]);
});

test('a renewal that fails twice is told, and not tried a third time', async () => {
  renew = () => Promise.reject(new Error('the signer is away'));
  await taint(one('jwt-svid', 'prepared'));
  await eventually(() => failures().length > 0);
  expect(renewals).toBe(2);
  expect(failures()).toMatchObject([{ fields: { what: 'own SVID', error: 'the signer is away' } }]);
});

test('it is not tried once more where the CA was lost meanwhile, which is no failure', async () => {
  const ended = Promise.withResolvers<void>();
  renew = async () => {
    await taint(one('x509-issuing', 'active'));
    ended.resolve();
    throw new Error('the CA is lost');
  };
  await taint(one('jwt-svid', 'prepared'));
  await ended.promise;
  // Longer than it would take to find out that nobody signs.
  await world.open.probe();
  expect(renewals).toBe(1);
  expect(probes).toBe(1);
  expect(failures()).toEqual([]);
});
