import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configKeys, environmentName } from '../../src/compose/config-keys.ts';
import { configReference } from '../../src/compose/config-reference.ts';
import { configSchema } from '../../src/compose/config-schema.ts';
import { ROOT } from '../support/source-tree.ts';

const keys = configKeys(configSchema({ folder: '/' }));

describe('the reference of the configuration', () => {
  test('is what the schema says; `npm run docs` writes it', () => {
    expect(readFileSync(join(ROOT, 'docs', 'configuration.md'), 'utf8')).toBe(configReference());
  });

  test('describes every key', () => {
    expect(keys.length).toBeGreaterThan(40);
    expect(keys.filter(({ description, form }) => description === '' || form === '')).toEqual([]);
  });

  test('gives every key a variable of its own', () => {
    const names = keys.map(({ key }) => environmentName(key));
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('MAYFLY_SERVER_API_ADDRESS');
  });
});
