import { performance } from 'node:perf_hooks';

/** How long the event loop of this thread has been at work since it started, in milliseconds: without the time it waited. */
export const eventLoopBusyMs = (): number => performance.eventLoopUtilization().active;
