import type { CrowdReport, OverloadReport, Speed } from './overload.ts';
import type { PhaseResult } from './open-load.ts';

/** One figure beside what it should be. */
interface Line {
  readonly what: string;
  readonly seen: string;
  readonly bar: string;
  readonly holds: boolean;
}

const ms = (value: number): string => `${value.toFixed(1)} ms`;
const percent = (part: number, whole: number): string => `${((part * 100) / Math.max(whole, 1)).toFixed(1)} %`;

const countOf = ({ statuses }: PhaseResult, isMeant: (status: string) => boolean): number =>
  Object.entries(statuses).reduce((sum, [status, count]) => sum + (isMeant(status) ? count : 0), 0);

const statusText = ({ statuses }: PhaseResult): string =>
  Object.entries(statuses)
    .map(([status, count]) => `${count} × ${status === '0' ? 'no answer' : status}`)
    .join(', ');

const overloadLines = (report: OverloadReport, during: PhaseResult, renewing: PhaseResult): readonly Line[] => {
  const refused = countOf(during, (status) => status !== '200');
  const odd = countOf(during, (status) => status !== '200' && status !== '503');
  const renewed = countOf(renewing, (status) => status === '200');
  const share = report.goodput / report.peak;
  const { start, earlyPeak, peak: highest, end } = report.resident;
  return [
    {
      what: 'goodput',
      seen: `${report.goodput.toFixed(0)}/s, ${percent(share, 1)} of peak, ${percent(report.by_cpu, 1)} by CPU`,
      bar: '≥ 80 %',
      holds: share >= 0.8,
    },
    {
      what: 'served, p50 and p99',
      seen: `${ms(during.p50_ms)}, ${ms(during.p99_ms)}`,
      bar: 'p99 ≤ 200 ms',
      holds: during.p99_ms <= 200,
    },
    { what: 'refused, p50', seen: ms(during.refused_p50_ms), bar: '', holds: true },
    {
      what: 'refused, p99',
      seen: ms(during.refused_p99_ms),
      bar: '≤ 100 ms',
      holds: during.refused_p99_ms <= 100,
    },
    {
      what: 'refused with Retry-After',
      seen: percent(during.retry_after, refused),
      bar: '100 %',
      holds: during.retry_after === refused,
    },
    { what: 'neither 200 nor 503', seen: String(odd), bar: '0', holds: odd === 0 },
    {
      what: 'renewals served',
      seen: percent(renewed, renewing.due),
      bar: '≥ 99 %',
      holds: renewed >= renewing.due * 0.99,
    },
    { what: 'renewals, p99', seen: ms(renewing.p99_ms), bar: '≤ 200 ms', holds: renewing.p99_ms <= 200 },
    {
      what: 'memory at start, of 1st half, peak, end',
      seen: `${[start, earlyPeak, highest, end].map((value) => value.toFixed(0)).join(', ')} MiB`,
      bar: 'peak ≤ 110 % of the 1st half',
      holds: highest <= 1.1 * earlyPeak,
    },
    {
      what: 'normal again after',
      seen: `${(report.normal_after_ms / 1000).toFixed(1)} s`,
      bar: '≤ 2 s',
      holds: report.normal_after_ms <= 2_000,
    },
  ];
};

const crowdLines = ({ speed, resident, kinds }: CrowdReport, peak: Pick<Speed, 'rate' | 'cpu_us'>): readonly Line[] => {
  const connections = Object.values(kinds).reduce((sum: number, count: number) => sum + count, 0);
  const each = ((resident.peak - resident.start) * 1024) / connections;
  return [
    {
      what: 'rate beside the crowd',
      seen: `${speed.rate.toFixed(0)}/s, ${percent(speed.rate, peak.rate)} of peak, ${percent(peak.cpu_us, speed.cpu_us)} by CPU`,
      bar: '≥ 80 %',
      holds: speed.rate >= 0.8 * peak.rate,
    },
    { what: 'p99 beside the crowd', seen: ms(speed.p99_ms), bar: '≤ 100 ms', holds: speed.p99_ms <= 100 },
    {
      what: 'memory with the crowd, peak, and of one of it',
      seen: `${resident.peak.toFixed(0)} MiB, ${each.toFixed(0)} KiB`,
      bar: '≤ 100 KiB',
      holds: each <= 100,
    },
  ];
};

const table = (lines: readonly Line[]): readonly string[] => {
  const widths = [Math.max(...lines.map(({ what }) => what.length)), Math.max(...lines.map(({ seen }) => seen.length))];
  return lines.map(({ what, seen, bar, holds }) =>
    `${what.padEnd(widths[0] ?? 0)}  ${seen.padStart(widths[1] ?? 0)}  ${bar}${holds ? '' : '  MISSED'}`.trimEnd(),
  );
};

const crowdText = ({ kinds, result }: CrowdReport): string => {
  const counts = Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`);
  return `crowd: ${counts.join(', ')}; ${result.open} open at the end, ${result.ended} ended by the server`;
};

/** The report for people: each figure beside its bar. */
export const overloadText = (report: OverloadReport): string => {
  const [, during] = report.load.phases;
  const [, renewing] = report.renewals.phases;
  if (!during || !renewing) throw new Error('the load generator gave no figures');
  const { crowd, peak, peaks } = report;
  const [before, later] = peaks;
  const lines = [
    ...overloadLines(report, during, renewing),
    ...(crowd ? crowdLines(crowd, { rate: peak, cpu_us: (before.cpu_us + later.cpu_us) / 2 }) : []),
  ];
  return [
    `${report.operation}: ${peaks.map(({ rate }) => rate.toFixed(0)).join(' and ')}/s with 32 clients before and after; ` +
      `then ${report.offered.toFixed(0)}/s for ${report.seconds} s over ${report.connections} connections`,
    '',
    ...table(lines),
    '',
    `CPU: server ${percent(report.cpu.server, 1)} of a core, load ${percent(report.cpu.load, 1)}`,
    `answers: ${statusText(during)}; ${report.verified} of them verified in full`,
    ...(crowd ? [crowdText(crowd)] : []),
    ...[...report.load.errors, ...report.renewals.errors].slice(0, 4),
  ].join('\n');
};
