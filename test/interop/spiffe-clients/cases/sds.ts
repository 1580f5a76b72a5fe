import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { parsePem } from '../../../../src/formats/pem.ts';
import type { Event, Program } from '../driver/program.ts';
import { check } from '../driver/table.ts';
import { is } from './material.ts';
import { clientOf, mainId, secondId, type Suite, TRUST_DOMAIN } from './suite.ts';

const ROW = 'M17 SDS';
const INVALID_ARGUMENT = 3;
/** Long enough to see that nothing comes. */
const SILENCE_MS = 700;

interface Secret {
  readonly name: string;
  readonly kind: string;
  readonly chain?: string;
  readonly hasKey?: boolean;
  readonly validator?: string;
  readonly trustDomains?: readonly { readonly name: string; readonly pem: string }[];
  readonly pem?: string;
}

const secretsOf = (event: Event): readonly Secret[] => (event['secrets'] ?? []) as readonly Secret[];
const namesOf = (event: Event): readonly string[] =>
  secretsOf(event)
    .map(({ name }) => name)
    .sort();

const ask = async (program: Program, ...words: readonly string[]): Promise<Event> => {
  const from = program.mark();
  program.say(...words);
  return program.next(`an answer to ${words.join(' ')}`, (event) => is('secrets')(event) || is('error')(event), {
    from,
  });
};

const silent = async (program: Program, ...words: readonly string[]): Promise<void> => {
  const from = program.mark();
  program.say(...words);
  await sleep(SILENCE_MS);
  equal(program.events.slice(from).length, 0, JSON.stringify(program.events.slice(from)));
};

const refuses = async (program: Program, ...words: readonly string[]): Promise<void> => {
  const event = await ask(program, ...words);
  equal(event['code'], INVALID_ARGUMENT, JSON.stringify(event));
  match(String(event['message']), new RegExp(words[1]?.replaceAll(/[+]/g, '') ?? ''));
};

const wholeState = async (suite: Suite): Promise<void> => {
  const program = clientOf(suite, 'go', ['sds']);
  const step = (name: string, run: () => Promise<unknown>) => check(ROW, 'go', name, run);
  await step('the default certificate', async () => {
    const [secret, ...more] = secretsOf(await ask(program, 'ask', 'default'));
    deepEqual([secret?.name, secret?.kind, secret?.hasKey, more.length], ['default', 'certificate', true, 0]);
    equal(parsePem(secret?.chain ?? '', 'CERTIFICATE').length, 2);
  });
  await step('an acknowledgement is not answered', () => silent(program, 'ask', 'default'));
  await step('a refusal is not answered', () => silent(program, 'nack', 'default'));
  await step('one name more', async () => {
    const secret = secretsOf(await ask(program, 'ask', 'default,ROOTCA')).find(({ name }) => name === 'ROOTCA');
    deepEqual([secret?.kind, secret?.validator], ['validator', 'envoy.tls.cert_validator.spiffe']);
    deepEqual(
      secret?.trustDomains?.map(({ name }) => name),
      [TRUST_DOMAIN],
    );
  });
  await step('every kind of name at once', async () => {
    const names = ['ALL', 'ROOTCA', 'default', `spiffe://${TRUST_DOMAIN}`, mainId('go'), secondId('go')];
    const told = namesOf(await ask(program, 'ask', names.join()));
    equal(new Set(told).size, told.length, 'a name twice');
    for (const name of ['ALL', `spiffe://${TRUST_DOMAIN}`, mainId('go'), secondId('go')]) ok(told.includes(name), name);
    for (const name of told) ok(names.includes(name), `${name} was not asked for`);
  });
  await step('a stale nonce is left aside', () => silent(program, 'stale', 'default'));
  await step('the name of another identity', () => refuses(program, 'ask', mainId('rust')));
  await step('a name of Istio', () => refuses(program, 'ask', 'file-root:system'));
  await step('a single call', async () =>
    deepEqual(namesOf(await ask(program, 'fetch', 'ROOTCA,default')), ['ROOTCA', 'default']),
  );
  await program.stop();

  const plain = clientOf(suite, 'go', ['sds']);
  await step('no SPIFFE validator', async () => {
    const [secret] = secretsOf(await ask(plain, 'plain', 'ROOTCA'));
    equal(secret?.kind, 'trusted_ca');
    ok(parsePem(secret?.pem ?? '', 'CERTIFICATE').length > 0);
  });
  await plain.stop();
  const pooled = clientOf(suite, 'go', ['sds']);
  await step('ALL needs the SPIFFE validator', () => refuses(pooled, 'plain', 'ALL'));
  await pooled.stop();
};

const increments = async (suite: Suite): Promise<void> => {
  const program = clientOf(suite, 'go', ['sds']);
  const step = (name: string, run: () => Promise<unknown>) => check(ROW, 'go', `increments: ${name}`, run);
  await step('one name', async () => deepEqual(namesOf(await ask(program, 'delta', '+default')), ['default']));
  await step('one name more', async () => deepEqual(namesOf(await ask(program, 'delta', '+ROOTCA')), ['ROOTCA']));
  await step('a name again', async () => deepEqual(namesOf(await ask(program, 'delta', '+default')), ['default']));
  await step('a name that there is not', async () => {
    const event = await ask(program, 'delta', `+${mainId('rust')}`);
    deepEqual(event['removed'], [mainId('rust')], JSON.stringify(event));
  });
  await step('one name less', () => silent(program, 'delta', `-${mainId('rust')},-ROOTCA`));
  await program.stop();
};

/** Both kinds of stream, subscribed to the default certificate and the roots. */
export const startSubscribing = async (suite: Suite): Promise<Program> => {
  const program = clientOf(suite, 'go', ['sds']);
  await check(ROW, 'go', 'subscribes', () => ask(program, 'ask', 'default,ROOTCA'));
  await check(ROW, 'go', 'increments: subscribes', () => ask(program, 'delta', '+default,+ROOTCA'));
  return program;
};

/** M17: what a change of root brought to subscribers. Each answer is acknowledged but for those of the stream of the whole state. */
export const pushedCases = async (program: Program, from: number): Promise<void> => {
  for (const call of ['stream', 'delta']) {
    await check(ROW, 'go', `${call}: a new certificate and new roots are pushed, and nothing is pushed twice`, () => {
      const told = program.of('secrets', from).filter((event) => event['call'] === call);
      for (const name of ['default', 'ROOTCA']) {
        const versions = told.flatMap((event) => secretsOf(event).filter((secret) => secret.name === name));
        ok(versions.length > 0, `no ${name}`);
        if (call === 'stream') continue;
        const texts = versions.map((version) => JSON.stringify(version));
        equal(new Set(texts).size, texts.length, `${name} twice`);
      }
      ok(told.length <= 8, `${told.length} answers`);
    });
  }
  await program.stop();
};

/** M17: with Envoy's own messages, out of its Go library. */
export const sdsCases = async (suite: Suite): Promise<void> => {
  await wholeState(suite);
  await increments(suite);
};
