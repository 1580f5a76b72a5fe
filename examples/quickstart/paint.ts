/** Colours for a terminal that wants them; plain text for files, pipes, `NO_COLOR` and dumb terminals. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
}

const painter = (isOn: boolean, code: number): ((text: string) => string) =>
  isOn ? (text) => `\u001b[${code}m${text}\u001b[0m` : (text) => text;

export const paintFor = (isTerminal: boolean, environment: NodeJS.ProcessEnv): Paint => {
  const isOn = isTerminal && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
  return { bold: painter(isOn, 1), dim: painter(isOn, 2), good: painter(isOn, 32) };
};
