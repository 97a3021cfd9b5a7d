/** The examples are what a stranger copies first: each must be a configuration that this version takes as it is. */
import { randomBytes } from 'node:crypto';
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryHome, type TemporaryHome } from './support/home.ts';
import { run, type Finished } from './support/process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'packages/gateway/bin/sallyport.js');
/** What is there to be converted is no configuration of ours. */
const examples = globSync('**/sallyport.yaml', { cwd: join(root, 'examples') }).map((path) => dirname(path));
const TIMEOUT_MS = 20_000;
const secret = (): string => randomBytes(24).toString('base64url');
/** What the examples say that they need. */
const VARIABLES = {
  ISSUES_TOKEN: secret(),
  EDITOR_KEY: secret(),
  REPORTS_KEY: secret(),
  OIDC_ISSUER: 'https://id.example.com/realms/acme',
  OIDC_CLIENT_SECRET: secret(),
  METRICS_KEY: secret(),
  HOOK_SECRET: secret(),
};

let home: TemporaryHome;
beforeAll(async () => {
  home = await temporaryHome();
});
afterAll(async () => home.remove());

async function sallyport(example: string, ...words: readonly string[]): Promise<Finished> {
  const path = join(root, 'examples', example, 'sallyport.yaml');
  const env = { ...home.env, ...VARIABLES, SALLYPORT_HOME: join(home.path, 'state') };
  return await run(process.execPath, [bin, '--config', path, ...words], { env, timeoutMs: TIMEOUT_MS });
}

describe('the examples', () => {
  it.each(examples)('%s is valid, without a warning', async (example) => {
    const outcome = await sallyport(example, 'validate');
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(outcome.stdout).toContain('valid');
  });

  it.each([
    ['reports', 'files__read_text_file', 'path=notes.txt', 'allowed by rules[0]'],
    ['reports', 'files__write_file', 'path=notes.txt', 'refused by default'],
    ['editor', 'files__write_file', 'path=notes.txt', 'allowed once a person has agreed by builtin:developer'],
    ['editor', 'files__write_file', 'path=a/.env', 'refused by rules[1]: Environment files are changed by hand.'],
    ['local', 'files__write_file', 'path=notes.txt', 'allowed by builtin:admin'],
  ])('keys: what %s may do with %s %s', async (who, tool, argument, outcome) => {
    const { stdout } = await sallyport('keys', 'explain', tool, '--as', who, argument);
    expect(stdout.split('\n')[2]).toBe(outcome);
  });
});
