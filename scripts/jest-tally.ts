// Turns jest's result file into the line `N passed, N failed`. A suite that did not even load is one failure more.
import { readFileSync } from 'node:fs';

interface JestResult {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

const result = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as JestResult;
process.stdout.write(
  `${result.numPassedTests} passed, ${result.numFailedTests + result.numRuntimeErrorTestSuites} failed\n`,
);
