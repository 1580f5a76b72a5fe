import { campaign } from '../../scripts/campaign/campaign.ts';

// DEC-22, DEC-23, JK-06, JK-07; `npm run campaign` does the same with a hundred agents, for longer.
test('for thirty days nobody is without a credential that all accept, whatever keys are replaced or lost', async () => {
  const said: string[] = [];
  const tally = await campaign({
    days: 30,
    agents: 3,
    hourly: 1,
    ownTtl: 86_400,
    progress: (line) => said.push(line),
  });
  expect(tally.problems).toEqual([]);
  expect(tally.problemCount).toBe(0);
  expect(tally.incidents).toHaveLength(8);
  expect(tally.rootsCrossed).toBe(5);
  expect(tally.attestations).toBe(4);
  // Four times everything under a root was given up, and each agent came back within what the bundle's hint allows.
  expect(tally.comebacks).toBe(16);
  expect(tally.longestGap).toBeGreaterThan(0);
  expect(tally.longestGap).toBeLessThanOrEqual(300);
  expect(tally.refusedAfterLoss).toBeGreaterThan(0);
  expect(tally.restarts).toBe(2);
  expect(tally.issued['X.509-SVIDs']).toBeGreaterThan(1600);
  expect(tally.issued['JWT-SVIDs']).toBeGreaterThan(150);
  expect(tally.issued['access tokens']).toBeGreaterThan(75);
  expect(said).toHaveLength(3);
}, 60_000);
