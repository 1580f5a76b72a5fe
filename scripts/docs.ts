// Writes the pages under docs/ that are made from the source. A test compares them, so that none falls behind.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configReference } from '../src/compose/config-reference.ts';

writeFileSync(join(import.meta.dirname, '..', 'docs', 'configuration.md'), configReference());
