import { paintFor } from './paint.ts';
import type { Paint } from './paint.ts';

/** What a step has to tell. */
export interface Told {
  /** For programs: what was found, under stable names. No secret and no whole token. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** For people: label and text; an empty label goes on with the line before. */
  readonly lines: readonly (readonly [label: string, text: string])[];
}

export interface Step<T> {
  /** Stable: tests and scripts hold on to it. */
  readonly name: string;
  readonly title: string;
  /** The command, or the request, that does the same by hand. */
  readonly byHand: string;
  run(): Promise<T>;
  tell(result: T): Told | Promise<Told>;
}

interface Out {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

const LABEL_WIDTH = 14;
const TITLE_WIDTH = 66;

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Runs steps one after the other and tells each: in text for people, or as one JSON line for programs. */
export class Reporter {
  readonly json: boolean;
  readonly paint: Paint;
  readonly #out: Out;
  #count = 0;

  constructor(out: Out, json: boolean, environment: NodeJS.ProcessEnv) {
    this.#out = out;
    this.json = json;
    this.paint = paintFor(!json && out.isTTY === true, environment);
  }

  /** Does the step and what it has to tell. A step that fails is told too, and ends the story. */
  async step<T>(step: Step<T>): Promise<T> {
    const started = performance.now();
    const since = (): number => Math.round(performance.now() - started);
    this.#count += 1;
    try {
      const result = await step.run();
      const told = await step.tell(result);
      if (this.json) this.line({ step: step.name, ok: true, ms: since(), facts: told.facts });
      else this.#show(step, since(), told);
      return result;
    } catch (error) {
      if (this.json) this.line({ step: step.name, ok: false, ms: since(), error: message(error) });
      throw error;
    }
  }

  /** One JSON line. */
  line(value: object): void {
    this.#out.write(`${JSON.stringify(value)}\n`);
  }

  /** Text for people. */
  text(text: string): void {
    if (!this.json) this.#out.write(text);
  }

  #show<T>({ title, byHand }: Step<T>, ms: number, { lines }: Told): void {
    const { bold, dim } = this.paint;
    const head = `${String(this.#count).padStart(2)}  ${title}`;
    const rest = lines.map(([label, text]) => `    ${dim(label.padEnd(LABEL_WIDTH))}${text}\n`);
    const hand = byHand.split('\n').map((line) => `    ${dim(line)}\n`);
    this.text(`${bold(head.padEnd(TITLE_WIDTH))}${dim(`${ms} ms`.padStart(8))}\n`);
    this.text(`${hand.join('')}${rest.join('')}\n`);
  }
}
