import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest, Rule, Sample } from './manifest.ts';

// Holds what readers say against the manifest: compare.ts FOLDER < verdicts. Readers write one JSON object a line.

/** The first line of a reader: what it looks at, and which rules it knows. */
interface Introduction {
  readonly reader: string;
  readonly kinds: readonly Sample['kind'][];
  readonly rules: readonly Rule[];
  /** It looks at good samples only. */
  readonly goodOnly?: boolean;
}

interface Verdict {
  readonly reader: string;
  readonly sample: string;
  readonly accepts: boolean;
  /** Why not, in the reader's words. */
  readonly detail?: string;
  readonly facts?: Readonly<Record<string, unknown>>;
  /** Names of lints that are not content. */
  readonly findings?: readonly string[];
}

/** What a reader may say against the manifest: on these samples, or these findings on any sample. */
interface Waiver {
  readonly reader: string;
  readonly samples?: readonly string[];
  readonly findings?: readonly string[];
  readonly reason: string;
}

const [folder = ''] = process.argv.slice(2);
const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest;
const waivers = JSON.parse(readFileSync(new URL('../waivers.json', import.meta.url), 'utf8')) as Waiver[];
const lines = readFileSync(0, 'utf8').split('\n').filter(Boolean);
const said = lines.map((line) => JSON.parse(line) as Introduction | Verdict);
const readers = said.filter((line) => 'kinds' in line);
const verdicts = new Map(
  said.filter((line) => 'sample' in line).map((line) => [`${line.reader}\0${line.sample}`, line]),
);

const waived = new Set<string>();
let passed = 0;
let failed = 0;

const waivedOf = (reader: string, what: 'samples' | 'findings'): readonly string[] =>
  waivers.flatMap((waiver) => (waiver.reader === reader ? (waiver[what] ?? []) : []));

/** Whether a waiver covers it; remembers that it was needed. */
const isWaived = (reader: string, what: 'samples' | 'findings', name: string): boolean => {
  if (!waivedOf(reader, what).includes(name)) return false;
  waived.add(`${reader}\0${name}`);
  return true;
};

const wrongFact = (expected: Sample['facts'], found: Verdict['facts']): string | undefined => {
  const wrong = Object.entries(found ?? {}).find(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(expected?.[name]),
  );
  return wrong && `it finds ${wrong[0]} ${JSON.stringify(wrong[1])}, not ${JSON.stringify(expected?.[wrong[0]])}`;
};

const disagreement = (sample: Sample, { rules }: Introduction, verdict: Verdict | undefined): string | undefined => {
  if (verdict === undefined) return 'it says nothing';
  const findings = (verdict.findings ?? []).filter((finding) => !isWaived(verdict.reader, 'findings', finding));
  if (findings.length > 0) return `it finds ${findings.join(', ')}`;
  const accepts = sample.breaks === undefined || !rules.includes(sample.breaks);
  if (verdict.accepts !== accepts) return accepts ? `it refuses: ${verdict.detail ?? ''}` : 'it accepts';
  return sample.breaks === undefined ? wrongFact(sample.facts, verdict.facts) : undefined;
};

const fail = (text: string): void => {
  failed += 1;
  console.log(`FAILED ${text}`);
};

for (const introduction of readers) {
  const { reader, kinds, goodOnly } = introduction;
  const asked = manifest.samples.filter(
    ({ kind, breaks }) => kinds.includes(kind) && !(goodOnly === true && breaks !== undefined),
  );
  if (asked.length === 0) fail(`${reader}: there is nothing for it to read`);
  for (const sample of asked) {
    const problem = disagreement(sample, introduction, verdicts.get(`${reader}\0${sample.name}`));
    if (problem === undefined) passed += 1;
    else if (!isWaived(reader, 'samples', sample.name)) fail(`${reader}, ${sample.name}: ${problem}`);
  }
  for (const name of [...waivedOf(reader, 'samples'), ...waivedOf(reader, 'findings')]) {
    if (!waived.has(`${reader}\0${name}`)) fail(`${reader}, ${name}: the waiver is not needed`);
  }
}
if (readers.length === 0) fail('no reader has said anything');

console.log(`${readers.map(({ reader }) => reader).join(', ')}: ${waived.size} waived`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
