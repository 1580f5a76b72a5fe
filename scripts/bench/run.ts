// `npm run bench`: how many credentials a second, how fast, for how much CPU, beside what this machine could do at best.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AGENT_USAGE, readAgentOptions } from './agent/options.ts';
import { measureAgent } from './agent/run.ts';
import { measureAgents } from './agents/run.ts';
import { AGENTS_USAGE, readAgentsOptions } from './agents/options.ts';
import { measureFloor } from './floors.ts';
import { HERD_USAGE, readHerdOptions } from './herd/options.ts';
import { HERD_PACE, measureHerd } from './herd/run.ts';
import { buildLoad, MissingTool } from './load.ts';
import { measureAll } from './measure.ts';
import { type BenchOptions, readOptions, USAGE, UsageError } from './options.ts';
import { prepare, sizesFor } from './prepare.ts';
import { measureOverload } from './overload.ts';
import { overloadText } from './overload-report.ts';
import { makeReport, reportText } from './report.ts';
import { type Bar, barsText } from './scale/bars.ts';
import { readScaleOptions, SCALE_USAGE } from './scale/options.ts';
import { runScale, scaleText } from './scale/run.ts';
import { startBenchServer } from './server.ts';

const EXIT_USAGE = 2;
const EXIT_COULD_NOT_TELL = 3;

const progress = (line: string): void => {
  process.stderr.write(`bench: ${line}\n`);
};

/** What was measured, to be printed. */
interface Printable {
  readonly value: object;
  readonly text: string;
}

const bench = async (options: BenchOptions, folder: string): Promise<Printable> => {
  const generator = buildLoad(folder);
  progress('preparing identities');
  const dataDir = join(folder, 'data');
  const prepared = await prepare(dataDir, sizesFor(Math.max(...options.clients)));
  const first = await measureFloor(folder);
  const server = await startBenchServer(dataDir, prepared.trustDomain, options);
  const parts = { options, server, prepared, generator, progress };
  try {
    if (options.overload) {
      const report = await measureOverload(parts, options.overload);
      return { value: report, text: overloadText(report) };
    }
    const { operations, floors } = await measureAll(parts, first);
    const report = makeReport(operations, [...floors, await measureFloor(folder)]);
    return { value: report, text: reportText(report) };
  } finally {
    await server.stop();
  }
};

const shown = (bars: readonly Bar[]): Printable => ({ value: { bars }, text: barsText(bars) });

const main = async (): Promise<void> => {
  const args = process.argv.slice(2);
  const agent = readAgentOptions(args);
  const agents = readAgentsOptions(args);
  const herd = readHerdOptions(args);
  const scale = readScaleOptions(args);
  const options = agent ?? agents ?? herd ?? scale ?? readOptions(args);
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-bench-'));
  const measure = async (): Promise<Printable> => {
    if (agent) return shown(await measureAgent(agent, folder, progress));
    if (agents) return shown(await measureAgents(agents, folder, progress));
    if (herd) return shown(await measureHerd(herd, folder, HERD_PACE, progress));
    if (!scale) return bench(readOptions(args), folder);
    const report = await runScale(scale, folder, progress);
    return { value: report, text: scaleText(report) };
  };
  try {
    const report = await measure();
    process.stdout.write(`${options.json ? JSON.stringify(report.value) : report.text}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

try {
  await main();
} catch (error) {
  if (error instanceof UsageError) {
    const usage = [USAGE, AGENT_USAGE, AGENTS_USAGE, HERD_USAGE, SCALE_USAGE].join('\n');
    process.stderr.write(`bench: ${error.message}\n${usage}\n`);
    process.exitCode = EXIT_USAGE;
  } else if (error instanceof MissingTool) {
    process.stderr.write(`bench: ${error.message}\n`);
    process.exitCode = EXIT_COULD_NOT_TELL;
  } else {
    throw error;
  }
}
