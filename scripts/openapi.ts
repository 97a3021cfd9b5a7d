/** Prints the admin API as an OpenAPI document, from the table of its routes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApiDocument } from '../packages/gateway/src/admin/openapi.ts';
import { createRoutes } from '../packages/gateway/src/admin/routes.ts';
import type { AdminSource } from '../packages/gateway/src/admin/source.ts';
import { root } from './workspace.ts';

if (import.meta.main) {
  const { version } = JSON.parse(readFileSync(join(root, 'packages/gateway/package.json'), 'utf8')) as {
    version: string;
  };
  // Nobody asks these routes anything.
  const document = openApiDocument(createRoutes({} as AdminSource), '/api/v1', version);
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}
