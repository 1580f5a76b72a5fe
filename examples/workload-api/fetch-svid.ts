// Fetches an X.509-SVID from a SPIFFE Workload API with `mayfly/workload`, and prints one JSON object. In a project of its own
// the import is 'mayfly/workload'.
import { fetchX509Context } from '../../src/workload/index.ts';

const { svids } = await fetchX509Context();
const [svid] = svids;
if (svid === undefined) throw new Error('the agent gave nothing');
const key = svid.privateKey.export({ type: 'pkcs8', format: 'der' });
console.log(
  JSON.stringify({
    language: `TypeScript, Node.js ${process.versions.node}`,
    spiffeId: svid.spiffeId,
    chain: Buffer.concat(svid.chain).toString('base64'),
    keyOctets: key.length,
  }),
);
