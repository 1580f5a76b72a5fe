import { Command } from 'commander';
import { readYaml } from '../compose/config-yaml.ts';
import type { Plan } from './answers.ts';
import { wouldDo, withConfirm } from './confirm.ts';
import type { ConfirmOptions } from './confirm.ts';
import { UsageError } from './exit.ts';
import { readInput } from './options.ts';
import { printable } from './output.ts';
import type { Output } from './output.ts';
import { fromSpire, isSpireFile } from './spire-entries.ts';
import { adminVerb } from './verb.ts';
import type { Cli } from './verb.ts';

interface Options extends ConfirmOptions {
  readonly file: string;
  readonly owner?: string;
  readonly prune?: boolean;
}

const isSection = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const MAX_APPLY_BYTES = 64 * 1024 * 1024;

/** The file as the API takes it. JSON is YAML too, so one reader does for both. */
const readApplyFile = (text: string, file: string, output: Output): Readonly<Record<string, unknown>> => {
  const { value, problems } = readYaml(text, MAX_APPLY_BYTES);
  if (problems.length > 0) {
    throw new UsageError(problems.map(({ line, reason }) => `${file}:${line}: ${reason}`).join('\n'));
  }
  if (isSpireFile(value)) {
    const { entries, notes } = fromSpire(value);
    for (const note of notes) output.note(note);
    return { entries };
  }
  if (isSection(value)) return value;
  throw new UsageError(`${file} holds no entries and no resources`);
};

const SIGNS = { create: '+', update: '~', delete: '-', unchanged: ' ' } as const;

const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

const planText = ({ items, counts }: Plan): string => {
  const lines = items
    .filter(({ action }) => action !== 'unchanged')
    .flatMap(({ action, kind, name, id, changes }) => [
      `${SIGNS[action]} ${action} ${kind} ${name}${id === undefined || id === name ? '' : ` (${id})`}`,
      ...(action === 'update'
        ? changes.map(({ field, before, after }) => `    ${field}: ${shown(before)} → ${shown(after)}`)
        : []),
    ]);
  const totals = Object.entries(counts)
    .map(([action, count]) => `${count} ${action}`)
    .join(', ');
  return `${[...lines, totals].map(printable).join('\n')}\n`;
};

/** `mayfly entry apply -f FILE`: shows the plan, and carries it out with --yes. */
export const applyVerb = (cli: Cli): Command =>
  adminVerb<Options>(
    cli,
    withConfirm(
      new Command('apply')
        .description('Make entries and resources what a file says. The same file twice changes nothing.')
        .requiredOption(
          '-f, --file <file>',
          'YAML or JSON, also what spire-server entry create -data reads; - is stdin',
        )
        .option('--owner <label>', 'who keeps what the file names, where it does not say so itself')
        .option('--prune', 'delete what this owner keeps and the file does not name'),
    ),
    async ({ api, options, output, terminal }) => {
      const written = readApplyFile(await readInput(options.file, terminal), options.file, output);
      const file = {
        ...written,
        ...(options.owner !== undefined && { owner: options.owner }),
        ...(options.prune === true && { prune: true }),
      };
      const plan = (await api.call({ method: 'POST', path: '/v1/admin/plan', body: file })).body as Plan;
      const isSettled = plan.items.every(({ action }) => action === 'unchanged');
      if (isSettled) {
        output.result({ done: true, items: plan.items }, () => planText(plan));
        return undefined;
      }
      if (options.yes !== true) return wouldDo(output, { items: plan.items }, () => planText(plan));
      await api.call({ method: 'POST', path: '/v1/admin/apply', body: { ...file, digest: plan.digest } });
      output.result({ done: true, items: plan.items }, () => planText(plan));
      return undefined;
    },
  );
