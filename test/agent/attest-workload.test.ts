import { setImmediate as turn } from 'node:timers/promises';
import { type AttestWorkload, type WorkloadAttestation, workloadAttestation } from '../../src/agent/attest-workload.ts';
import { systemTimers } from '../../src/adapters/system/timers.ts';
import type { Delays } from '../../src/ports/timers.ts';
import type { WorkloadAttestor, WorkloadProcess } from '../../src/ports/workload-attestor.ts';
import { keepingLogger } from '../support/http.ts';

const caller = (isSame: () => boolean = () => true): WorkloadProcess => ({
  pid: 7,
  uid: 1000,
  gid: 1000,
  groups: [],
  isSame,
  close: () => undefined,
});

const attestor = (type: string, attest: WorkloadAttestor['attest']): WorkloadAttestor => ({ type, attest });
const says = (type: string, ...selectors: string[]): WorkloadAttestor => attestor(type, async () => selectors);
const fails = (type: string, error: unknown = new Error('broken')): WorkloadAttestor =>
  attestor(type, () => Promise.reject(error));
const never = (type: string): WorkloadAttestor => attestor(type, () => new Promise(() => undefined));

const waits = new AbortController().signal;

const attestationBy = (
  attestors: readonly WorkloadAttestor[],
  options: Partial<WorkloadAttestation> = {},
): { attest: AttestWorkload; log: ReturnType<typeof keepingLogger>; time: { now: number } } => {
  const log = keepingLogger();
  const time = { now: 0 };
  const clock = { monotonic: () => time.now };
  return {
    attest: workloadAttestation({ attestors, clock, delays: systemTimers, logger: log, ...options }),
    log,
    time,
  };
};

test('the selectors of all attestors come together, sorted, none twice', async () => {
  const { attest, log } = attestationBy([
    says('unix', 'unix:uid:1000', 'unix:gid:5', 'unix:gid:5'),
    says('docker'),
    says('k8s', 'k8s:ns:a'),
  ]);
  expect(await attest(caller(), waits)).toEqual({
    selectors: ['k8s:ns:a', 'unix:gid:5', 'unix:uid:1000'],
    untold: [],
  });
  expect(log.lines).toEqual([]);
});

test('one that did not finish counts with what it told, and its type is among those that may tell more', async () => {
  const hashing = attestor('unix', async (_process, _signal, unfinished) => {
    unfinished?.();
    return ['unix:uid:1'];
  });
  const { attest, log } = attestationBy([hashing]);
  expect(await attest(caller(), waits)).toEqual({ selectors: ['unix:uid:1'], untold: ['unix'] });
  expect(log.lines).toHaveLength(1);
});

test('each failure of an attestor is counted, though it is logged once a minute', async () => {
  const failed: string[] = [];
  const { attest, log } = attestationBy([says('unix', 'unix:uid:1'), fails('docker')], {
    failed: (type) => failed.push(type),
  });
  await attest(caller(), waits);
  await attest(caller(), waits);
  expect([failed, log.lines.length]).toEqual([['docker', 'docker'], 1]);
});

test('a process without any selector is told apart from one that nobody could look at', async () => {
  expect(await attestationBy([says('docker')]).attest(caller(), waits)).toEqual({ selectors: [], untold: [] });
});

test.each([
  ['rejects', fails('docker')],
  [
    'throws',
    attestor('docker', () => {
      throw new Error('broken');
    }),
  ],
  ['rejects with no error at all', fails('docker', 'a word')],
  ['never answers', never('docker')],
])('an attestor that %s takes only its own selectors along', async (_name, bad) => {
  const { attest, log } = attestationBy([says('unix', 'unix:uid:1'), bad], { timeLimitMs: 30 });
  expect(await attest(caller(), waits)).toEqual({ selectors: ['unix:uid:1'], untold: ['docker'] });
  expect(log.lines).toEqual([expect.objectContaining({ fields: expect.objectContaining({ attestor: 'docker' }) })]);
});

test('they work side by side, and hear when their time is over', async () => {
  const heard: string[] = [];
  const slow = (type: string): WorkloadAttestor =>
    attestor(type, async (_process, signal) => {
      signal.addEventListener('abort', () => heard.push(type));
      return new Promise(() => undefined);
    });
  const limits: number[] = [];
  const delays: Delays = {
    after: (ms, work) => {
      limits.push(ms);
      queueMicrotask(work);
      return () => undefined;
    },
  };
  const attestors = [slow('docker'), slow('k8s'), says('unix', 'unix:uid:1')];
  const { attest } = attestationBy(attestors, { timeLimitMs: 100, delays });
  await attest(caller(), waits);
  // One limit for all of them.
  expect(limits).toEqual([100]);
  expect(heard).toEqual(['docker', 'k8s']);
});

test('when all of them fail, nothing can be told', async () => {
  const { attest } = attestationBy([fails('unix'), never('docker')], { timeLimitMs: 20 });
  await expect(attest(caller(), waits)).rejects.toMatchObject({ code: 'unavailable', retryAfter: 1 });
});

test('nor without attestors', async () => {
  await expect(attestationBy([]).attest(caller(), waits)).rejects.toMatchObject({ code: 'unavailable' });
});

test('each that fails is written of once a minute', async () => {
  const { attest, log, time } = attestationBy([says('unix'), fails('docker'), fails('k8s')]);
  for (time.now = 0; time.now < 60_000; time.now += 10_000) await attest(caller(), waits);
  expect(log.lines.map(({ fields }) => fields['attestor'])).toEqual(['docker', 'k8s']);
  await attest(caller(), waits);
  expect(log.lines).toHaveLength(4);
});

// WLAPI-10
test('a process that changed while it was looked at gets nothing', async () => {
  let isSame = true;
  const changes = attestor('unix', async () => {
    isSame = false;
    return ['unix:path:/usr/bin/db'];
  });
  const { attest } = attestationBy([changes]);
  await expect(
    attest(
      caller(() => isSame),
      waits,
    ),
  ).rejects.toMatchObject({ code: 'unauthenticated' });
});

test('it is asked about after the last answer, and its end is no fault of an attestor', async () => {
  const order: string[] = [];
  const late = attestor('docker', async () => {
    await turn();
    order.push('docker');
    throw new Error('no such process');
  });
  const process = caller(() => {
    order.push('same');
    return false;
  });
  const { attest, log } = attestationBy([says('unix'), late]);
  await expect(attest(process, waits)).rejects.toMatchObject({ code: 'unauthenticated' });
  expect(order).toEqual(['docker', 'same']);
  expect(log.lines).toEqual([]);
});

test.each([
  ['of another type', 'unix:uid:0'],
  ['of no type', 'docker'],
  ['without a value', 'docker:'],
  ['with a line feed', 'docker:label:a:b\nunix:uid:0'],
  ['longer than 1024 bytes', `docker:label:a:${'b'.repeat(1024)}`],
  ['with half a character', 'docker:label:a:\ud800'],
])('a selector %s is left out', async (_name, selector) => {
  const { attest, log } = attestationBy([says('docker', selector, 'docker:image_id:x')]);
  expect(await attest(caller(), waits)).toMatchObject({ selectors: ['docker:image_id:x'] });
  expect(log.lines).toHaveLength(1);
});

test('too many selectors are none', async () => {
  const many = (count: number): WorkloadAttestor =>
    says('unix', ...Array.from({ length: count }, (_, at) => `unix:gid:${at}`));
  expect((await attestationBy([many(4096)]).attest(caller(), waits)).selectors).toHaveLength(4096);
  await expect(attestationBy([many(4097)]).attest(caller(), waits)).rejects.toMatchObject({ code: 'unavailable' });
});

test('a caller that waits no more ends the work without a word in the log', async () => {
  const { attest, log } = attestationBy([never('docker')]);
  const hangsUp = new AbortController();
  const answer = attest(caller(), hangsUp.signal);
  hangsUp.abort();
  await expect(answer).rejects.toMatchObject({ code: 'unavailable' });
  await expect(attest(caller(), hangsUp.signal)).rejects.toMatchObject({ code: 'unavailable' });
  expect(log.lines).toEqual([]);
});
