/** The guide to tools, resources and prompts does what it says: its code, block after block, is one program. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { run } from '../support/process.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

it('docs/guides/server-tools.md runs', async () => {
  const guide = await readFile(join(ROOT, 'docs/guides/server-tools.md'), 'utf8');
  const blocks = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code);
  const program = ['--input-type=module-typescript', '--eval', blocks.join('\n')];
  const { stderr, stdout } = await run(process.execPath, program, { cwd: ROOT, timeoutMs: 20_000 });
  expect(stdout, stderr).toContain('All notes were deleted.');
});
