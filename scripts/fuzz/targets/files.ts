import { z } from 'zod';
import { fromSpire, isSpireFile } from '../../../src/cli/spire-entries.ts';
import { UsageError } from '../../../src/cli/exit.ts';
import { applyRoutes } from '../../../src/adapters/http/routes/admin-apply.ts';
import { parseConfig } from '../../../src/compose/config.ts';
import { readYaml } from '../../../src/compose/config-yaml.ts';
import { checkEntry, type EntryDraft } from '../../../src/domain/entry-rules.ts';
import { canonicalJson, type CanonicalValue } from '../../../src/formats/canonical-json.ts';
import { openFact, readFactLeaf } from '../../../src/formats/fact-leaf.ts';
import type { Issuer } from '../../../src/usecases/issuer.ts';
import { bytesMutator, eitherMutator, jsonMutator } from '../mutate.ts';
import { TRUST_DOMAIN } from '../samples.ts';
import { demand, octets, text, unless, type Target } from '../target.ts';

/** What a damaged store throws: it ends the process, so that it has to be an Error of these kinds and nothing else. */
const isDamage = (error: unknown): boolean =>
  Error.isError(error) && (error.name === 'TypeError' || error.name === 'SyntaxError');

export const factLeaf: Target = {
  seeds: octets(
    '{"k":"server-stopped","t":1767225600000,"v":1}',
    '{"c":"00","code":"attestation_refused","id":"019b76da0c0000000000000000000001","k":"denied","operation":"attest","t":1767225600000,"v":1}',
    '{"k":"issued","t":1767225600000,"v":1,"id":"019b76da0c0000000000000000000001","leans":{}}',
  ),
  mutate: jsonMutator(['issued', 'constructor', '__proto__']),
  sources: ['formats/fact-leaf.ts'],
  run: (input) => {
    const leaf = unless(isDamage, () => readFactLeaf(input));
    if (leaf !== undefined) unless(isDamage, () => openFact(leaf, { salt: new Uint8Array(32), detail: input }));
    return leaf !== undefined;
  },
};

const YAML_WORDS = [
  '\n',
  '  ',
  '- ',
  ': ',
  '&a ',
  '*a',
  '!!str ',
  '!!binary ',
  '? ',
  '<<: ',
  '[',
  ']',
  '{',
  '}',
  '|\n',
  '>',
  '#',
  "'",
  '"',
  '\t',
  '---\n',
  '0x1f',
  '.inf',
  '~',
  '1h',
  '1e9d',
];

const CONFIG = `trustDomain: example.org
server:
  dataDir: /var/lib/mayfly
  sealKey: /etc/mayfly/seal.key
  api:
    address: 0.0.0.0
    port: 8443
  public:
    url: https://id.example.org
  ttl:
    x509: 1h
    jwt: 5m
  limits:
    signPerAgent: 500
`;

/** These files are an operator's own, may be large, and are read once. */
const MAX_FILE_MS = 1000;

export const configFile: Target = {
  maxMs: MAX_FILE_MS,
  seeds: octets(
    CONFIG,
    'trustDomain: example.org\n',
    '{"trustDomain": "example.org", "server": {"frontEnds": 2}}',
    'a: &a [1, 2]\nb: *a\n? [x, y]\n: z\n',
  ),
  mutate: bytesMutator(YAML_WORDS),
  sources: [
    'compose/config-yaml.ts',
    'compose/config.ts',
    'compose/config-problems.ts',
    'compose/config-relations.ts',
    'compose/config-values.ts',
    'compose/config-suggest.ts',
  ],
  run: (input) => {
    const result = parseConfig({ text: text(input), folder: '/etc/mayfly', environment: {}, flags: {} });
    demand(result.ok || result.problems.length > 0, 'a configuration was refused without a reason');
    return result.ok;
  },
};

const context = {
  trustDomain: TRUST_DOMAIN,
  commonNames: ['*.example.org'],
  dnsNames: ['*.example.org'],
  resource: () => undefined,
  selectorsProblem: () => undefined,
};

/** What was accepted and written down is accepted again, as the same. */
const judgeEntry = (draft: EntryDraft): boolean => {
  const checked = checkEntry(draft, context);
  if (!checked.ok) {
    demand(checked.problems.length > 0, 'an entry was refused without a reason');
    return false;
  }
  const again = checkEntry(checked.value, context);
  const isSame =
    again.ok &&
    canonicalJson(again.value as unknown as CanonicalValue) ===
      canonicalJson(checked.value as unknown as CanonicalValue);
  demand(isSame, 'an entry changes when it is written again');
  demand(checked.value.spiffeId.startsWith('spiffe://example.org/'), 'an entry of another trust domain was accepted');
  return true;
};

const ENTRIES = `entries:
  - id: db
    spiffeId: spiffe://example.org/db
    selectors: [unix:uid:1000, k8s:ns:default]
    x509Ttl: 3600
    dnsNames: [db.example.org]
    federatesWith: [spiffe://other.example]
    admin: {role: viewer, prefix: spiffe://example.org/db}
owner: team
`;
const SPIRE = JSON.stringify({
  entries: [
    {
      spiffe_id: { trust_domain: 'example.org', path: '/db' },
      parent_id: 'spiffe://example.org/spire/server',
      selectors: [{ type: 'unix', value: 'uid:1000' }, 'a:b'],
      x509_svid_ttl: '3600',
      dns_names: ['a.example.org'],
      federates_with: ['spiffe://other.example'],
      admin: true,
      store_svid: true,
      expires_at: 1_900_000_000,
    },
  ],
});

/** The routes are only read here, so that they may lack an issuer. */
const fileBody = applyRoutes({} as Issuer).find(({ path }) => path === '/v1/admin/plan')?.body ?? z.never();

/** As `mayfly entry apply` reads it, then the schema and the rules of the server. */
export const entryFile: Target = {
  maxMs: MAX_FILE_MS,
  seeds: octets(ENTRIES, SPIRE, SPIRE.replace('spiffe_id', 'spiffeId')),
  mutate: eitherMutator(
    bytesMutator(YAML_WORDS),
    jsonMutator(['spiffe_id', 'entries', 'spiffe://example.org/spire/agent/x']),
  ),
  sources: [
    'formats/spire-entries.ts',
    'domain/entry-rules.ts',
    'domain/selector.ts',
    'domain/certificate-names.ts',
    'cli/spire-entries.ts',
    'compose/config-yaml.ts',
  ],
  run: (input) => {
    const { value, problems } = readYaml(text(input));
    if (problems.length > 0) return false;
    const isUsage = (error: unknown): boolean => error instanceof UsageError;
    const file: unknown = isSpireFile(value) ? unless(isUsage, () => fromSpire(value)) : value;
    const written = isSpireFile(value) ? { entries: (file as { entries?: unknown } | undefined)?.entries } : file;
    const parsed = fileBody.safeParse(written);
    if (!parsed.success) return false;
    const { entries = [] } = parsed.data as { entries?: readonly EntryDraft[] };
    return entries.map(judgeEntry).includes(true);
  },
};
