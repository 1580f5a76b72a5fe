import { dockerAttestor } from '../adapters/workload-attestors/docker.ts';
import { k8sAttestor } from '../adapters/workload-attestors/k8s.ts';
import { systemdAttestor } from '../adapters/workload-attestors/systemd.ts';
import { unixAttestor, type UnixAttestorOptions } from '../adapters/workload-attestors/unix.ts';
import type { Clock } from '../ports/clock.ts';
import type { Delays } from '../ports/timers.ts';
import type { WorkloadAttestor } from '../ports/workload-attestor.ts';
import type { AgentConfig } from './config.ts';

const MEGABYTE = 1024 * 1024;

export interface WorkloadAttestorParts {
  readonly clock: Clock;
  readonly delays: Delays;
  /** Whether an entry has a selector that begins so. */
  readonly wanted: UnixAttestorOptions['wanted'];
}

/** Where the kubelet is asked, and what it is asked with. */
export const kubeletOf = ({
  kubelet,
  tokenFile,
  caFile,
  serverName,
}: NonNullable<AgentConfig['agent']['attestors']['k8s']>) => ({
  url: kubelet,
  tokenFile,
  caFile,
  ...(serverName !== undefined && { serverName }),
});

/** Those that are switched on. */
export const workloadAttestors = (
  { agent: { attestors } }: AgentConfig,
  { clock, delays, wanted }: WorkloadAttestorParts,
): readonly WorkloadAttestor[] => {
  const { unix, systemd, docker, k8s } = attestors;
  return [
    unixAttestor({ clock, delays, wanted, maxProgramBytes: unix.maxBinaryMegabytes * MEGABYTE }),
    ...(systemd ? [systemdAttestor()] : []),
    ...(docker ? [dockerAttestor({ socket: docker.socket })] : []),
    ...(k8s ? [k8sAttestor({ kubelet: kubeletOf(k8s), clock })] : []),
  ];
};
