import type { Finding } from '../compose/finding.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { type Output, table } from './output.ts';

/** Puts out what `check` has found. */
export const tellFindings = (findings: readonly Finding[], output: Output): ExitCode => {
  const ok = findings.every((finding) => finding.ok);
  output.result({ ok, findings }, () =>
    table(
      ['', 'WHAT', 'FOUND'],
      findings.map((found) => [found.ok ? 'ok' : 'WRONG', found.what, found.detail]),
    ),
  );
  return ok ? EXIT.yes : EXIT.no;
};
