import { configKeys, environmentName, isSettable } from './config-keys.ts';
import type { ConfigKey } from './config-keys.ts';
import { configSchema } from './config-schema.ts';

const HEAD = `# Configuration

One YAML file, \`/etc/mayfly/mayfly.yaml\` unless \`--config\` or \`MAYFLY_CONFIG\` names another. Only the trust domain has to
be in it. \`mayfly server init\` writes a first one, \`mayfly server check\` says everything that is wrong with it at once.

- A flag (\`--set key=value\`) stands above the environment, the environment above the file. Keys with one plain value can
  be set by all three, lists only in the file.
- Durations have a unit: \`90s\`, \`10m\`, \`1h30m\`, \`7d\`.
- Relative paths start at the file's own folder.
- Secrets are references: the path of a file that only the server may read, or \`credential:NAME\` for a credential that
  systemd hands to the service. A secret itself is refused.

This page is made from the schema by \`npm run docs\`.
`;

const entryOf = (key: ConfigKey): string => {
  const lines = [`### \`${key.key}\``, '', key.description];
  const facts = [`Form: ${key.form}.`];
  if (key.fallback !== undefined) facts.push(`Default: \`${key.fallback}\`.`);
  if (key.required) facts.push(key.key.includes('.') ? 'Required in its section.' : 'Required.');
  if (isSettable(key)) facts.push(`Environment: \`${environmentName(key.key)}\`.`);
  lines.push('', facts.join(' '), '');
  return lines.join('\n');
};

const sectionOf = (key: ConfigKey): string => [`## \`${key.key}\``, '', key.description, ''].join('\n');

/** The page `docs/configuration.md`, from the schema's own words. */
export const configReference = (): string => {
  const keys = configKeys(configSchema({ folder: '/etc/mayfly' }));
  return [
    HEAD,
    ...keys.map((key) => (key.kind === 'section' && key.form === 'a section' ? sectionOf(key) : entryOf(key))),
  ].join('\n');
};
