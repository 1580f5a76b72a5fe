let passed = 0;
let failed = 0;

/** Runs a check, which throws when it is not content, and counts it. */
export const check = async (name: string, run: () => void | Promise<void>): Promise<void> => {
  try {
    await run();
    passed += 1;
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${(error as Error).message}`);
  }
};

/** Prints the sum. */
export const finish = (): void => {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
};
