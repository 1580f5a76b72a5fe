/** A variable of the environment as it is now; undefined when it is not set. */
export const environmentVariable = (name: string): string | undefined => process.env[name];
