import { closeSync, readFileSync, readlinkSync } from 'node:fs';
import { peerPidfd, socketPair } from './linux-calls.ts';
import { holdWorkload } from './workload-process.ts';

/** One thing that was looked at. `detail` says what follows from it. */
export interface SightFinding {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
}

const finding = (what: string, look: () => string): SightFinding => {
  try {
    return { what, ok: true, detail: look() };
  } catch (error) {
    return { what, ok: false, detail: (error as Error).message };
  }
};

/** A call from this process to itself, looked at as any other. */
const callers = (): string => {
  const pair = socketPair();
  try {
    const [descriptor = -1] = pair;
    const held = holdWorkload(descriptor);
    const isSame = held.isSame();
    held.close();
    if (!isSame) throw new Error('a process that did not change is taken for another');
    return howHeld(descriptor);
  } finally {
    for (const descriptor of pair) closeSync(descriptor);
  }
};

const howHeld = (descriptor: number): string => {
  try {
    closeSync(peerPidfd(descriptor));
    return 'by the process that the socket recorded';
  } catch {
    return 'by process id and start time: the kernel is older than 6.5';
  }
};

/** Numbers of capabilities in `linux/capability.h`. */
const CAP_DAC_OVERRIDE = 1n;
const CAP_DAC_READ_SEARCH = 2n;
const CAP_SYS_PTRACE = 19n;

const hasCapability = (capability: bigint): boolean => {
  const effective = /^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n;
};

const programs = (): string => {
  try {
    // There is always one of this id, and it is seldom ours.
    readFileSync('/proc/1/status');
  } catch (error) {
    throw new Error('/proc hides processes of other users, who are refused: mount it without hidepid, or run as root', {
      cause: error,
    });
  }
  if (!hasCapability(CAP_SYS_PTRACE)) {
    throw new Error('those of other users get no unix:path and unix:sha256: run as root, or with CAP_SYS_PTRACE');
  }
  const opensAll = hasCapability(CAP_DAC_READ_SEARCH) || hasCapability(CAP_DAC_OVERRIDE);
  return opensAll
    ? 'of all users can be looked at'
    : 'of all users can be looked at, but for files and folders closed to the agent: CAP_DAC_READ_SEARCH opens those';
};

/** Numbers that the kernel gives the first namespace of each kind (`include/linux/proc_ns.h`), and what another one costs. */
const NAMESPACES = [
  { kind: 'pid', first: 4_026_531_836, cost: 'callers outside of it are refused' },
  { kind: 'user', first: 4_026_531_837, cost: 'callers whose users it does not name are refused' },
  { kind: 'cgroup', first: 4_026_531_835, cost: 'units of systemd are not seen' },
] as const;

const ownNamespaces = (): string => {
  const own = NAMESPACES.filter(({ kind, first }) => readlinkSync(`/proc/self/ns/${kind}`) !== `${kind}:[${first}]`);
  if (own.length === 0) return 'those of the machine';
  return own.map(({ kind, cost }) => `a ${kind} namespace of its own: ${cost}`).join('; ');
};

/** What this process can learn of those that call it, for `mayfly agent check`. Linux only. */
export const processSight = (): readonly SightFinding[] => [
  finding('callers are held', callers),
  finding('namespaces', ownNamespaces),
];

/** What `programSight` looks at. */
export const PROGRAMS = 'programs of callers';

/** The same of the programs of callers, which takes rights that an agent may have and another process of its user not. */
export const programSight = (): SightFinding => finding(PROGRAMS, programs);
