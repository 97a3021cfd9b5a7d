import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { configSchema } from './config/schema.ts';
import type { Config, ServerConfig } from './config/index.ts';
import { createOwnSecrets } from './guard/secrets/own.ts';
import { credentialsOf, learnedTokens } from './guard-state.ts';

const entry = v.parse(configSchema, {});

function configOf(env: Record<string, string>, headers: Record<string, string> = {}): Config {
  const servers = [
    { name: 'a', target: { kind: 'stdio', env } },
    { name: 'b', target: { kind: 'http', headers }, oauth: { clientSecret: 'of-the-client' } },
  ] as unknown as ServerConfig[];
  return { ...entry, servers, secretFiles: [], discovery: { mode: 'full' } };
}

describe('credentials of a configuration', () => {
  it.each([
    { DB_PASSWORD: 'correcthorse' },
    { API_KEY: 'abc12345' },
    { GITHUB_TOKEN: 'x'.repeat(24) },
    { LICENSE: 'A1b2C3d4E5f6G7h8I9j0K1' },
    { AUTH: 'Bearer abcdefgh' },
  ])('are %j', (env) => {
    expect(credentialsOf(configOf(env))).toContain(Object.values(env)[0]);
    expect(credentialsOf(configOf({}, env))).toContain(Object.values(env)[0]);
  });

  it.each([
    { LOG_LEVEL: 'information' },
    { ROOT: '/home/ann/projects/2026-11-21' },
    { API_URL: 'https://api.example.com/v1/2026' },
    { API_KEY_HEADER: 'x-api-key' },
    { KEY_FILE: '/etc/keys/one.pem' },
    { accept: 'application/json' },
    { NAME: 'a-name-of-many-words-without-numbers' },
  ])('are not %j: it would be found in answers everywhere', (env) => {
    expect(credentialsOf(configOf(env))).toEqual(['of-the-client']);
  });

  it('are the password in an address, too', () => {
    const url = ['postgres://ann', 'swordfish@db.example/x'].join(':');
    expect(credentialsOf(configOf({ DATABASE: url }))).toContain('swordfish');
  });
});

describe('tokens for servers', () => {
  it('are known as soon as they are sent', async () => {
    const own = createOwnSecrets();
    const tokens = ['token-number-one', 'token-number-two'];
    let next: string | Promise<string> = tokens[0] as string;
    const learned = learnedTokens({ token: () => next, challenged: () => Promise.reject(new Error('no')) }, { own });
    expect(learned?.token()).toBe(tokens[0]);
    next = Promise.resolve(tokens[1] as string);
    expect(await learned?.token()).toBe(tokens[1]);
    for (const token of tokens) expect(own.literals.holds(Buffer.from(`a ${token} b`))).toBe(true);
    expect(learnedTokens(undefined, { own })).toBeUndefined();
  });
});
