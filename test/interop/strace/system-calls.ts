/** A system call of a trace. `from` and `to` are the lines where it began and returned. */
export interface SystemCall {
  readonly name: string;
  readonly text: string;
  readonly from: number;
  readonly to: number;
  readonly result: number;
}

const LINE = /^(?<task>\d+)\s+(?<rest>.*)$/;
const RESUMED = /^<\.\.\. (?<name>\w+) resumed>(?<rest>.*)$/;
const BEGUN = /^(?<name>\w+)\(/;
const RESULT = /\)\s+= (?<result>-?\d+)[^=]*$/;

/** Reads what `strace -f` wrote. Calls that never returned are left out. */
export const systemCalls = (trace: string): readonly SystemCall[] => {
  const begun = new Map<string, { name: string; text: string; from: number }>();
  const calls: SystemCall[] = [];
  for (const [at, line] of trace.split('\n').entries()) {
    const { task = '', rest = '' } = LINE.exec(line)?.groups ?? {};
    const resumed = RESUMED.exec(rest);
    const open = resumed ? begun.get(task) : undefined;
    const name = resumed?.groups?.['name'] ?? BEGUN.exec(rest)?.groups?.['name'];
    if (name === undefined) continue;
    const text = open ? `${open.text}${resumed?.groups?.['rest'] ?? ''}` : rest;
    const from = open?.from ?? at;
    if (rest.endsWith('<unfinished ...>')) {
      begun.set(task, { name, text: rest.slice(0, -'<unfinished ...>'.length), from: at });
      continue;
    }
    begun.delete(task);
    const result = RESULT.exec(rest)?.groups?.['result'];
    if (result !== undefined) calls.push({ name, text, from, to: at, result: Number(result) });
  }
  return calls;
};
