import { BILLING } from './cast.ts';
import { fetchByLocalProgram } from './local-program.ts';
import type { Reporter } from './reporter.ts';
import type { Stage } from './stage.ts';
import { Unexpected } from '../shared/request.ts';
import { splitCertificates, verifyX509 } from './verify-x509.ts';

const registerProgram = (reporter: Reporter, { admin, ready }: Stage): Promise<unknown> => {
  const selector = `unix:uid:${process.getuid?.() ?? 0}`;
  return reporter.step({
    name: 'local-entry',
    title: 'Programs of yours on this machine may be billing',
    byHand:
      `$ bin/mayfly.js entry create --id ${BILLING.entry} --spiffe-id ${BILLING.spiffeId} \\\n` +
      `    --parent ${ready.agent ?? ''} --selector ${selector}`,
    run: () =>
      admin.createEntry({
        id: BILLING.entry,
        spiffeId: BILLING.spiffeId,
        parentId: ready.agent,
        selectors: [selector],
      }),
    tell: (entry) => ({
      facts: { entry, selector },
      lines: [
        ['identity', BILLING.spiffeId],
        ['whom', `${selector}: the kernel says who calls, no secret is needed`],
      ],
    }),
  });
};

const fetchIt = (reporter: Reporter, { ready, bundle, folder }: Stage): Promise<unknown> => {
  const socket = ready.workloadSocket ?? '';
  return reporter.step({
    name: 'workload-api',
    title: 'A program in another language asks the agent, by the SPIFFE standard',
    byHand: `$ SPIFFE_ENDPOINT_SOCKET=unix://${socket} python3 examples/workload-api/fetch_svid.py`,
    run: async () => {
      const fetched = await fetchByLocalProgram(socket);
      const chain = splitCertificates(Buffer.from(fetched.chain, 'base64'));
      return { fetched, verified: await verifyX509(chain, { path: ready.bundleFile, pem: bundle }, folder) };
    },
    tell: ({ fetched: { language, spiffeId, keyOctets }, verified: { tool, said } }) => {
      if (spiffeId !== BILLING.spiffeId) {
        throw new Unexpected(`the identity is ${spiffeId}, not ${BILLING.spiffeId}`);
      }
      return {
        facts: { language, spiffeId, tool, said },
        lines: [
          ['program', language],
          ['SPIFFE ID', spiffeId],
          ['key', `${keyOctets} octets, made by the agent, never seen by the server`],
          ['says', `${said} (${tool})`],
        ],
      };
    },
  });
};

/** The agent of this machine, where there is one: on Linux. */
export const askAgent = async (reporter: Reporter, stage: Stage): Promise<void> => {
  if (stage.ready.workloadSocket === null) return;
  await registerProgram(reporter, stage);
  await fetchIt(reporter, stage);
};
