/** The examples are what a stranger copies first: each must be a configuration that this version takes as it is. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryHome, type TemporaryHome } from './support/home.ts';
import { run } from './support/process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'packages/gateway/bin/sallyport.js');
const examples = await readdir(join(root, 'examples'));
const TIMEOUT_MS = 20_000;

let home: TemporaryHome;
beforeAll(async () => {
  home = await temporaryHome();
});
afterAll(async () => home.remove());

describe('the examples', () => {
  it.each(examples)('%s is valid, without a warning', async (example) => {
    const path = join(root, 'examples', example, 'sallyport.yaml');
    const env = { ...home.env, ISSUES_TOKEN: 'one', SALLYPORT_HOME: join(home.path, 'state') };
    const outcome = await run(process.execPath, [bin, '--config', path, 'validate'], { env, timeoutMs: TIMEOUT_MS });
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(outcome.stdout).toContain('valid');
  });
});
