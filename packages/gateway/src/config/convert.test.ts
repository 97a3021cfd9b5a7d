import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { checkDraft, draftOf } from './check-text.ts';
import { convertConfig } from './convert.ts';

const dynamic = JSON.stringify({
  $schema: 'https://example.com/config-schema.json',
  mcpServers: {
    files: {
      description: 'Files $5',
      command: 'npx',
      args: ['-y', '${DIR}', '$HOME', '$$', '${A:-b}'],
      env: { T: '${T}' },
      timeout: { tools: '1m', prompts: null },
    },
    far: {
      type: 'http',
      description: 'Far',
      url: 'https://${HOST}/mcp',
      headers: { Authorization: 'Bearer ${T}' },
      enabled: false,
      features: { prompts: false },
    },
  },
});

describe('config convert', () => {
  it.each(['yaml', 'json'] as const)("reads dynamic-mcp's file and writes ours as %s", async (format) => {
    const { text, notes } = await convertConfig('d.json', dynamic, 'json', format);
    expect(notes).toEqual([]);
    const { entry, problems } = checkDraft(await draftOf('o', text, format), {
      env: { DIR: '/d', T: 't', HOST: 'h' },
      files: new Map(),
    });
    expect(problems).toEqual([]);
    expect(entry?.mcpServers['files']).toMatchObject({
      description: 'Files $5',
      args: ['-y', '/d', '$HOME', '$$', '${A:-b}'],
      env: { T: 't' },
      timeout: { toolsMs: 60_000, resourcesMs: 10_000, promptsMs: 10_000 },
    });
    expect(entry?.mcpServers['far']).toMatchObject({
      url: 'https://h/mcp',
      headers: { Authorization: 'Bearer t' },
      enabled: false,
      features: { tools: true, resources: true, prompts: false },
    });
  });

  it('loses nothing silently', async () => {
    const oauth = JSON.stringify({ mcpServers: { a: { description: 'a', url: 'https://x/', oauth_client_id: 'c' } } });
    const { text } = await convertConfig('d.json', oauth, 'json', 'yaml');
    expect(parse(text)).toMatchObject({ mcpServers: { a: { oauth: { clientId: 'c' } } } });
    const unknown = JSON.stringify({ mcpServers: { a: { command: 'x', what: 1 } } });
    await expect(convertConfig('d.json', unknown, 'json', 'yaml')).rejects.toThrow(/what: unknown key/);
    const ignored = await convertConfig(
      'c.json',
      JSON.stringify({ mcpServers: { a: { command: 'x', autoApprove: [] } } }),
      'json',
      'yaml',
    );
    expect(ignored.notes.map(({ message }) => message)).toEqual([expect.stringMatching(/^ignored/)]);
    expect(parse(ignored.text)).toEqual({ mcpServers: { a: { command: 'x' } } });
  });
});
