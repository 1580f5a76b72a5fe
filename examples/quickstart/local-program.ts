import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { Unexpected } from '../shared/request.ts';

/** What both programs print of what the agent gave them; the chain in DER, one certificate after the other, as base64. */
const Fetched = z.object({ language: z.string(), spiffeId: z.string(), chain: z.base64(), keyOctets: z.int() });
export type Fetched = z.output<typeof Fetched>;

const fromHere = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The first that this machine can run is asked: another language than ours, by preference. */
const PROGRAMS = [
  { program: 'python3', args: [fromHere('../workload-api/fetch_svid.py')] },
  { program: process.execPath, args: [fromHere('../workload-api/fetch-svid.ts')] },
] as const;

const run = (program: string, args: readonly string[], socket: string): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, SPIFFE_ENDPOINT_SOCKET: `unix://${socket}` };
    execFile(program, args, { env, timeout: 20_000 }, (error, stdout, stderr) => {
      if (!error) resolve(stdout);
      // No such program, or one too old to read the file.
      else if (error.code === 'ENOENT' || /SyntaxError|AttributeError/.test(stderr)) resolve(undefined);
      else reject(new Unexpected(`${program} got nothing from the agent: ${stderr.trim()}`));
    });
  });

/** A program of another language fetches its X.509-SVID from the agent's socket, and tells what it got. */
export const fetchByLocalProgram = async (socket: string): Promise<Fetched> => {
  for (const { program, args } of PROGRAMS) {
    const out = await run(program, args, socket);
    if (out !== undefined) return Fetched.parse(JSON.parse(out));
  }
  throw new Unexpected('this machine can run none of the programs');
};
