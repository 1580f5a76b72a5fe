/** What a campaign did, and what it found. */
export class Tally {
  /** Credentials by kind. */
  readonly issued: Record<string, number> = {};
  /** Operations on authorities by name. */
  readonly incidents: string[] = [];
  attestations = 0;
  comebacks = 0;
  restarts = 0;
  judgements = 0;
  rootsCrossed = 0;
  /** Refusals of what a lost root had signed, between the loss and the next look at the bundle. */
  refusedAfterLoss = 0;
  /** Of one agent, from the loss to its new credential. Seconds. */
  longestGap = 0;
  readonly problems: string[] = [];
  problemCount = 0;

  count(kind: string): void {
    this.issued[kind] = (this.issued[kind] ?? 0) + 1;
  }

  /** All are counted, the first ones kept. */
  problem(at: number, what: string): void {
    this.problemCount += 1;
    if (this.problems.length < 50) this.problems.push(`${new Date(at).toISOString()} ${what}`);
  }
}
