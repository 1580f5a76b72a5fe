import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest, Rule, Sample } from './manifest.ts';

/** Facts that were found, or nothing; throws to refuse. */
export type Read<K extends Sample['kind']> = (
  sample: Extract<Sample, { kind: K }>,
  content: (file: string) => string,
) => Readonly<Record<string, unknown>> | void;

interface Reader {
  readonly reader: string;
  readonly rules: readonly Rule[];
  readonly read: { readonly [K in Sample['kind']]?: Read<K> };
}

/** Runs a reader over the folder of samples that the command line names, and prints what it says. */
export const runReader = ({ reader, rules, read }: Reader): void => {
  const [folder = ''] = process.argv.slice(2);
  const content = (file: string): string => readFileSync(join(folder, file), 'utf8');
  const { samples } = JSON.parse(content('manifest.json')) as Manifest;
  const say = (line: object): void => console.log(JSON.stringify(line));
  say({ reader, rules, kinds: Object.keys(read) });
  for (const sample of samples) {
    const readSample = read[sample.kind] as Read<Sample['kind']> | undefined;
    if (readSample === undefined) continue;
    try {
      const facts = readSample(sample, content) ?? undefined;
      say({ reader, sample: sample.name, accepts: true, facts });
    } catch (error) {
      say({ reader, sample: sample.name, accepts: false, detail: (error as Error).message });
    }
  }
};
