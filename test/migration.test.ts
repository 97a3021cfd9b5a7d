/** What docs/MIGRATION.md calls the same server is the same for a client. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, type Tool } from '@sallyport/client';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const text = readFileSync(join(root, 'docs/MIGRATION.md'), 'utf8');
const [before = '', after = ''] = ['before', 'after'].map(
  (name) => new RegExp(`^\`\`\`ts ${name}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(text)?.[1],
);

const missing: Tool = { name: 'none', inputSchema: {} };

async function seen(code: string): Promise<unknown> {
  const args = ['--input-type=module-typescript', '--eval', code];
  await using client = await connect({ command: process.execPath, args, cwd: root }, { era: 'session' });
  const [{ description, annotations, inputSchema } = missing] = await client.listTools();
  const { properties, required } = inputSchema;
  const { content, structuredContent } = await client.callTool('price', { thing: 'pear' });
  return {
    server: [client.server.name, client.server.version],
    tool: [description, annotations, properties, required],
    resources: await client.listResources(),
    read: await client.readResource('shop://hours'),
    prompts: await client.listPrompts(),
    prompt: (await client.getPrompt('greet', { name: 'Ann' })).messages,
    // Spaces in JSON are nobody's business.
    result: [JSON.parse(content[0]?.text ?? '') as unknown, structuredContent],
  };
}

it('the server before and the server after are one to a client', async () => {
  const [old, migrated] = await Promise.all([seen(before), seen(after)]);
  expect(migrated).toEqual(old);
  expect(old).toMatchObject({ server: ['shop', '1.0.0'], result: [{ cents: 400 }, { cents: 400 }] });
});

it('names what there is', () => {
  const names = JSON.parse(readFileSync(join(root, 'test/exports.json'), 'utf8')) as Record<
    string,
    Record<string, readonly string[]>
  >;
  const exported = new Set(
    ['@sallyport/server', '@sallyport/client'].flatMap((name) => Object.values(names[name] ?? {}).flat()),
  );
  const named = ['createServer', 'serve', 'mount', 'ToolError', 'createUriTemplate', 'connectInMemory', 'connect'];
  const ways = ['none', 'dev', 'bearer', 'session', 'oidc', 'auth0', 'okta', 'keycloak', 'microsoft', 'authentik'];
  for (const name of [...named, ...ways, 'jwt', 'introspection', 'createMultiClient']) {
    expect(text).toContain(name);
    expect(exported).toContain(name);
  }
});
