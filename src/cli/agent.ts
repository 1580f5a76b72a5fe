import { Command, Option } from 'commander';
import { segment } from '../adapters/http-client/admin.ts';
import { REVOCATION_REASONS } from '../domain/revocation-reason.ts';
import type { RevocationMode } from '../domain/revocation-reason.ts';
import { agentInitVerb } from './agent-init.ts';
import { agentCheckVerb, agentRunVerb } from './agent-run.ts';
import type { Agent } from './answers.ts';
import { withConfirm, wouldDo } from './confirm.ts';
import type { ConfirmOptions } from './confirm.ts';
import { record, table, time, timeOfSeconds } from './output.ts';
import type { Lines } from './output.ts';
import { readPages, withPages } from './pages.ts';
import type { PageOptions } from './pages.ts';
import { orderRevocation } from './revoke.ts';
import { adminVerb } from './verb.ts';
import type { Cli } from './verb.ts';

const AGENTS = '/v1/admin/agents';

const stateOf = ({ banned, evicted, locked, svid, dead, stoppedRenewing }: Agent): string => {
  if (banned) return 'banned';
  if (locked) return 'locked';
  if (dead) return 'dead';
  if (evicted) return 'evicted';
  if (svid === undefined) return 'expired';
  return stoppedRenewing ? 'stopped renewing' : 'good';
};

/** Whether it is there, and how far it has come. */
const presenceText = ({ presence }: Agent): string => {
  if (presence === undefined) return 'not seen';
  if (!presence.connected) return `last seen ${time(presence.seen)}`;
  return presence.behindSince === undefined ? 'connected' : `connected, behind since ${time(presence.behindSince)}`;
};

const connectionLines = ({ presence }: Agent): Lines =>
  presence === undefined
    ? []
    : [
        ['connected', presence.since === undefined ? 'no' : `since ${time(presence.since)}`],
        ['last seen', time(presence.seen)],
        ['confirmed', presence.acknowledged === undefined ? 'nothing' : `ledger index ${presence.acknowledged}`],
        ['behind since', presence.behindSince === undefined ? undefined : time(presence.behindSince)],
      ];

const nodeKeyText = ({ hasNodeKey, evicted, renewUntil }: Agent): string => {
  if (!hasNodeKey) return 'none';
  return evicted ? 'void' : `pinned, may come back until ${timeOfSeconds(renewUntil)}`;
};

const agentText = (agent: Agent): string =>
  record([
    ['spiffe id', agent.spiffeId],
    ['state', stateOf(agent)],
    ['attestor', agent.attestor],
    ['attested', time(agent.attestedAt)],
    ['selectors', agent.selectors],
    ['svid', agent.svid === undefined ? undefined : `${agent.svid.serial} until ${timeOfSeconds(agent.svid.notAfter)}`],
    ['node key', nodeKeyText(agent)],
    ...connectionLines(agent),
    ['banned by', agent.banned?.id],
    ['evicted by', agent.evicted?.id],
    ['locked by', agent.locked?.id],
  ]);

const listVerb = (cli: Cli): Command =>
  adminVerb<PageOptions>(
    cli,
    withPages(new Command('list').description('List agents.')),
    async ({ api, options, output }) => {
      const agents = await readPages<Agent>(api, { path: AGENTS }, 'agents', options.limit, output);
      output.result(agents, () =>
        table(
          ['SPIFFE ID', 'STATE', 'CONNECTION', 'ATTESTOR', 'ATTESTED', 'SVID UNTIL'],
          agents.map((agent) => [
            agent.spiffeId,
            stateOf(agent),
            presenceText(agent),
            agent.attestor,
            time(agent.attestedAt),
            agent.svid === undefined ? '' : timeOfSeconds(agent.svid.notAfter),
          ]),
        ),
      );
    },
  );

const showVerb = (cli: Cli): Command =>
  adminVerb(
    cli,
    new Command('show').description('Show one agent.').argument('<id>'),
    async ({ api, args: [id = ''], output }) => {
      const agent = (await api.call({ method: 'GET', path: `${AGENTS}/${segment(id)}` })).body as Agent;
      output.result(agent, () => agentText(agent));
    },
  );

const endVerb = (cli: Cli, name: string, description: string, mode: RevocationMode): Command =>
  adminVerb<ConfirmOptions & { readonly reason?: string }>(
    cli,
    withConfirm(
      new Command(name)
        .description(description)
        .argument('<id>')
        .addOption(new Option('--reason <word>', 'why').choices([...REVOCATION_REASONS])),
    ),
    ({ api, args: [id = ''], options, output }) =>
      orderRevocation(
        api,
        { target: { kind: 'agent', value: id }, mode, reason: options.reason, yes: options.yes },
        output,
      ),
  );

const unlockVerb = (cli: Cli): Command =>
  adminVerb<ConfirmOptions>(
    cli,
    withConfirm(
      new Command('unlock')
        .description('Let an agent or a workload renew again after two keys renewed one of its SVIDs.')
        .argument('<id>'),
    ),
    async ({ api, args: [id = ''], options, output }) => {
      if (options.yes !== true) return wouldDo(output, { unlock: id }, () => `would unlock ${id}\n`);
      const { body } = await api.call({ method: 'POST', path: `${AGENTS}/${segment(id)}/unlock` });
      output.result({ done: true, ...(body as object) }, () => `unlocked ${id}\n`);
      return undefined;
    },
  );

const purgeVerb = (cli: Cli): Command =>
  adminVerb<ConfirmOptions>(
    cli,
    withConfirm(
      new Command('purge').description(
        'Take agents off the list whose SVID and node key are over: they cannot come back.',
      ),
    ),
    async ({ api, options, output }) => {
      const isOrder = options.yes === true;
      const order = isOrder
        ? { path: `${AGENTS}/purge`, body: { confirm: true } }
        : { path: `${AGENTS}/purge/preview` };
      const { agents } = (await api.call({ method: 'POST', ...order })).body as { readonly agents: readonly string[] };
      const text = (what: string) => () =>
        agents.length === 0 ? 'no agent is dead\n' : `${what}\n${agents.join('\n')}\n`;
      if (!isOrder) return wouldDo(output, { purge: agents }, text('would take off the list'));
      output.result({ done: true, purged: agents }, text('off the list'));
      return undefined;
    },
  );

/** `mayfly agent`. */
export const agentCommand = (cli: Cli): Command =>
  new Command('agent')
    .description('Agents: prepare, check and run one; who attested, and who may no longer.')
    .addCommand(agentInitVerb(cli))
    .addCommand(agentRunVerb(cli))
    .addCommand(agentCheckVerb(cli))
    .addCommand(listVerb(cli))
    .addCommand(showVerb(cli))
    .addCommand(endVerb(cli, 'ban', 'End all that came through an agent, and let nothing more through.', 'revoke'))
    .addCommand(endVerb(cli, 'evict', 'End all that came through an agent; it may attest again.', 'reissue'))
    .addCommand(unlockVerb(cli))
    .addCommand(purgeVerb(cli));
