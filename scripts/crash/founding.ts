import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { attest } from './attest.ts';
import { Audit } from './audit.ts';
import { Population } from './population.ts';
import { startToCrash } from './start-server.ts';

export interface FoundingResult {
  /** Kills in the midst of a first start. */
  readonly kills: number;
  readonly problems: readonly string[];
}

/** What a trust domain has to sign with: `jwt-svid active`, each as often as it is there. */
const authoritiesOf = (dataDir: string): string => {
  const db = new Database(join(dataDir, 'ledger.db'), { readonly: true });
  try {
    const rows = db.prepare<[], string>("SELECT purpose || ' ' || state FROM authority ORDER BY 1").pluck();
    return rows.all().join(', ');
  } finally {
    db.close();
  }
};

/** What is wrong after a first start was cut off; undefined when the next one makes it good by itself. */
const problemAfter = async (folder: string, wanted?: string): Promise<string | undefined> => {
  const dataDir = join(folder, 'data');
  const all = new Population(join(folder, 'held.ndjson'));
  const server = await startToCrash(dataDir);
  if (!server.life) return `it does not start: ${server.said()}`;
  all.begin(server.life);
  try {
    await attest(all, { agent: 'node' });
  } finally {
    all.lives.end();
    server.kill('SIGTERM');
    await server.ended;
  }
  const audit = new Audit(dataDir, all.held.path);
  audit.advance();
  if (audit.problems.length > 0) return audit.problems.join('; ');
  const authorities = authoritiesOf(dataDir);
  return wanted === undefined || authorities === wanted ? undefined : `it has ${authorities}, not ${wanted}`;
};

/**
 * Cuts off the first start of a trust domain around each of its commits, one after another: no half-made trust domain may
 * keep the next start from being one that issues.
 */
export const crashFoundings = async (folder: string, progress: (line: string) => void): Promise<FoundingResult> => {
  const undisturbed = join(folder, 'founding');
  mkdirSync(undisturbed);
  const first = await problemAfter(undisturbed);
  const problems: string[] = first === undefined ? [] : [first];
  const wanted = authoritiesOf(join(undisturbed, 'data'));
  let kills = 0;
  for (const by of ['before-commit', 'after-commit'] as const) {
    for (let after = 0; ; after += 1) {
      const own = join(folder, `founding-${by}-${after}`);
      mkdirSync(own);
      const server = await startToCrash(join(own, 'data'), { by, after });
      // The first start makes no more commits than this.
      if (server.life) {
        server.kill('SIGKILL');
        await server.ended;
        break;
      }
      await server.ended;
      kills += 1;
      const problem = await problemAfter(own, wanted);
      progress(`founding, ${by} ${after + 1}: ${problem ?? 'made good'}`);
      if (problem !== undefined) problems.push(`founding, ${by} ${after + 1}: ${problem}`);
    }
  }
  return { kills, problems };
};
