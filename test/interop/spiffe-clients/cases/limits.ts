import { deepEqual, equal, ok } from 'node:assert/strict';
import { join } from 'node:path';
import { Agent } from '../driver/agent.ts';
import { LANGUAGES, uidOf } from '../driver/languages.ts';
import { Server } from '../driver/server.ts';
import { check } from '../driver/table.ts';
import { is, svidsOf, tokensOf, trustDomainsOf } from './material.ts';
import { clientOf, entryFor, finished, forAll, type Suite, TRUST_DOMAIN } from './suite.ts';

const ROW = 'M18 limits';
/** WLAPI-31, ID-7, WLAPI-24. */
const [SVIDS, ID_BYTES, HINT_BYTES, TRUST_DOMAIN_BYTES, AUDIENCES] = [100, 2048, 1024, 255, 32];
const UID = uidOf('go') + 50;

const longId = (): string => {
  const start = `spiffe://${TRUST_DOMAIN}`;
  const segments = '/segment'.repeat(Math.ceil(ID_BYTES / '/segment'.length));
  return `${start}${segments}`
    .slice(0, ID_BYTES - 1)
    .replace(/\/$/, 's')
    .concat('x');
};

/** One workload with all that there may be. */
const manyIdentities = async (suite: Suite): Promise<void> => {
  const entry = (nth: number) =>
    entryFor(suite.agent, UID, {
      id: `many-${nth}`,
      spiffeId: `spiffe://${TRUST_DOMAIN}/many/${nth}`,
      hint: `many-${nth}`,
    });
  const hint = 'h'.repeat(HINT_BYTES);
  await suite.server.entries([{ ...entry(0), spiffeId: longId(), hint }]);
  await suite.server.entries(Array.from({ length: SVIDS - 1 }, (_, at) => entry(at + 1)));
  const audience = Array.from({ length: AUDIENCES }, (_, at) => `audience-${at}`);
  await forAll(async (language) => {
    const program = clientOf(suite, language, ['fetch', ...audience], { uid: UID });
    await check(ROW, language, `${SVIDS} SVIDs, an ID of ${ID_BYTES} octets, a hint of ${HINT_BYTES}`, async () => {
      await finished(program, 60_000);
      const event = program.events.find(is('x509'));
      ok(event, JSON.stringify(program.of('error')));
      const svids = svidsOf(event);
      equal(svids.length, SVIDS);
      equal(svids[0]?.id.length, ID_BYTES);
      if (language !== 'python') equal(svids[0]?.hint.length, HINT_BYTES);
    });
    await check(ROW, language, `${AUDIENCES} audiences in ${SVIDS} tokens`, () => {
      const event = program.events.find(is('jwt'));
      ok(event, JSON.stringify(program.of('error')));
      const tokens = tokensOf(event);
      equal(tokens.length, SVIDS);
      for (const token of tokens) equal(token.audience.length, AUDIENCES);
    });
  });
};

/** A trust domain with the longest name. */
const longTrustDomain = async (suite: Suite): Promise<void> => {
  const name = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}`;
  equal(name.length, TRUST_DOMAIN_BYTES);
  const server = await Server.start(suite.folder, name);
  const agent = await Agent.admit(server, join(suite.folder, 'long'), 'long');
  try {
    await server.entries(
      LANGUAGES.map((language) =>
        entryFor(agent, uidOf(language), { id: language, spiffeId: `spiffe://${name}/${language}` }),
      ),
    );
    await agent.start();
    await forAll((language) =>
      check(ROW, language, `a trust domain of ${TRUST_DOMAIN_BYTES} octets`, async () => {
        const watcher = clientOf(suite, language, ['watch'], { socket: agent.socket });
        const event = await watcher.next('an SVID', is('x509'), { within: 20_000 });
        await watcher.stop();
        equal(svidsOf(event)[0]?.id, `spiffe://${name}/${language}`);
        deepEqual(trustDomainsOf(event), [name]);
      }),
    );
  } finally {
    await agent.stop();
    await server.stop();
  }
};

/** M18: as much as the standard and the strictest client allow. */
export const limitCases = async (suite: Suite): Promise<void> => {
  await manyIdentities(suite);
  await longTrustDomain(suite);
};
