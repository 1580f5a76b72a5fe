import { Random } from '../../scripts/fuzz/random.ts';
import { exerciseApi } from '../support/exercise-api.ts';
import { Journey } from '../support/journey.ts';

/** The longer form is `npm run fuzz -- --only routes`. */
describe('requests made from the API documents', () => {
  let journey: Journey;
  beforeAll(async () => {
    journey = await Journey.start();
  });
  afterAll(() => journey.stop());

  test('every answer is documented, none is a failure, nothing is taken that the document does not allow', async () => {
    const exercised = await exerciseApi(journey, new Random('routes'), (rounds) => rounds < 2);
    expect(exercised.problems).toEqual([]);
    expect(exercised.requests).toBeGreaterThan(200);
    // Most operations are reached, so that the refusals do not all come from the door.
    expect(exercised.reached.size).toBeGreaterThan(34);
    expect(journey.log.lines.filter(({ message }) => message === 'a request failed')).toEqual([]);
  });
});
