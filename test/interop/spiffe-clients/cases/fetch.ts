import { deepEqual, equal, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parsePem } from '../../../../src/formats/pem.ts';
import type { Language } from '../driver/languages.ts';
import type { Program } from '../driver/program.ts';
import { check } from '../driver/table.ts';
import { bundleOf, is, svidsOf, tokensOf, trustDomainsOf } from './material.ts';
import { clientOf, finished, forAll, mainId, secondId, type Suite, TRUST_DOMAIN, X509_TTL } from './suite.ts';

const AUDIENCE = ['first-audience', 'https://second.example/audience'];

/** py-spiffe reads no hints. */
const hintsOf = (language: Language): readonly string[] => (language === 'python' ? ['', ''] : ['main', 'second']);

const checkSvids = (language: Language, program: Program): void => {
  const event = program.events.find(is('x509'));
  ok(event, `no X.509 context: ${JSON.stringify(program.of('error'))} ${program.said}`);
  const svids = svidsOf(event);
  deepEqual(
    svids.map(({ id }) => id),
    [mainId(language), secondId(language)],
  );
  deepEqual(
    svids.map(({ hint }) => hint),
    hintsOf(language),
  );
  for (const { chain, notAfter } of svids) {
    equal(chain, 2);
    const left = notAfter - event.ts / 1000;
    ok(left > X509_TTL / 3 && left <= X509_TTL + 5, `${left} seconds left`);
  }
  deepEqual(trustDomainsOf(event), [TRUST_DOMAIN]);
};

/** M1, M2 and the fetching half of M5: everything once. */
export const fetchCases = async (suite: Suite): Promise<void> => {
  const pem = readFileSync(suite.server.bundleFile, 'utf8');
  const hash = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex');
  const roots = parsePem(pem, 'CERTIFICATE').map(hash).sort();
  const states = ['active', 'prepared'];
  const keys = (await suite.server.authorities('jwt-svid')).filter(({ state }) => states.includes(state));
  const kids = keys.map(({ id }) => id).sort();

  await forAll(async (language) => {
    const program = clientOf(suite, language, ['fetch', ...AUDIENCE]);
    await check('M1 fetch X.509', language, 'ends', () => finished(program));
    await check('M1 fetch X.509', language, 'both identities, the older first', () => checkSvids(language, program));
    await check('M1 fetch X.509', language, 'the default', () =>
      equal(program.of('svid')[0]?.['id'], mainId(language)),
    );
    await check('M2 bundles', language, 'with the SVIDs', () => {
      const [event] = program.of('x509');
      deepEqual(event && bundleOf(event, TRUST_DOMAIN), roots);
    });
    await check('M2 bundles', language, 'alone', () => {
      const [event] = program.of('x509bundles');
      deepEqual(event && bundleOf(event, TRUST_DOMAIN), roots);
    });
    await check('M2 bundles', language, 'JWT keys', () => {
      const [event] = program.of('jwtbundles');
      deepEqual(event && bundleOf(event, TRUST_DOMAIN), kids);
    });
    await check('M5 tokens', language, 'for two audiences, of both identities', () => {
      const [event] = program.of('jwt');
      ok(event, `no tokens: ${JSON.stringify(program.of('error'))}`);
      const tokens = tokensOf(event);
      deepEqual(
        tokens.map(({ id }) => id),
        [mainId(language), secondId(language)],
      );
      deepEqual(
        tokens.map(({ hint }) => hint),
        hintsOf(language),
      );
      for (const { audience } of tokens) deepEqual([...audience].sort(), AUDIENCE);
    });
  });
};
