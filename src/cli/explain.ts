import { Command } from 'commander';
import { segment } from '../adapters/http-client/admin.ts';
import type { Decision } from './answers.ts';
import type { NearEntry } from '../usecases/nearest-entries.ts';
import { statusText } from './credential.ts';
import { printable, record, table, time } from './output.ts';
import { adminVerb } from './verb.ts';
import type { Cli } from './verb.ts';

const section = (title: string, text: string): string => `\n${title}\n${text.replaceAll(/^(?=.)/gm, '  ')}`;

const nearText = ({ id, spiffeId, matching, missing, obstacles }: NearEntry): string =>
  record([
    ['entry', `${id}  ${spiffeId}`],
    ['has', matching.length === 0 ? undefined : matching],
    ['missing', missing.length === 0 ? undefined : missing],
    ['in the way', obstacles.length === 0 ? undefined : obstacles],
  ]);

const explanationText = (explanation: Decision): string => {
  const { id, kind, summary, place, erased, status, leansOn, revocations = [], nearest = [] } = explanation;
  const head = record([
    ['decision', id],
    ['kind', kind],
    ['status', status && statusText(status)],
    ['on record', `${time(place.time)}, epoch ${place.epoch}, index ${place.index} of ${place.size}`],
    ['leaf hash', place.leafHash],
    ['details', erased ? 'erased' : undefined],
  ]);
  const leans = leansOn.map(({ what, id: leaned, revision, now }) => [
    what,
    revision === undefined ? leaned : `${leaned} revision ${revision}`,
    now,
  ]);
  const bars = revocations.map(({ id: bar, target, reason }) => [bar, `${target.kind} ${target.value}`, reason]);
  return [
    `${printable(summary)}\n\n${head}`,
    ...(leans.length === 0 ? [] : [section('leaned on', table(['WHAT', 'WHICH', 'NOW'], leans))]),
    ...(bars.length === 0 ? [] : [section('revocations in the way', table(['ID', 'TARGET', 'REASON'], bars))]),
    ...(nearest.length === 0 ? [] : [section('nearest entries', nearest.map(nearText).join('\n'))]),
  ].join('');
};

/** `mayfly explain`: why a decision came out as it did (P7). */
export const explainCommand = (cli: Cli): Command =>
  adminVerb(
    cli,
    new Command('explain')
      .description('Say why something was issued or refused.')
      .argument('<decision>', 'a serial, a jti, or the decision id of a refusal'),
    async ({ api, args: [id = ''], output }) => {
      const path = `/v1/admin/explain/${segment(id)}`;
      const explanation = (await api.call({ method: 'GET', path })).body as Decision;
      output.result(explanation, () => explanationText(explanation));
    },
  );
