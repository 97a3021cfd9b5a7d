import type { ServerDescription, Tool } from '@sallyport/client';
import { describe, expect, it } from 'vitest';
import { checkServer, type Seen } from './server-check.ts';

const session: ServerDescription = {
  name: 'notes',
  version: '1.0.0',
  title: undefined,
  instructions: 'Keeps notes.',
  capabilities: {},
  era: 'session',
  revision: '2025-11-25',
};
const stateless: ServerDescription = { ...session, era: 'stateless', revision: '2026-07-28' };
const good: Tool = {
  name: 'read_note',
  description: 'Gives a note.',
  inputSchema: { type: 'object', properties: { name: { type: 'string', description: 'Its name' } } },
  annotations: { readOnlyHint: true },
};
const seen = (more: Partial<Seen>): Seen => ({
  servers: [session, stateless],
  tools: [good],
  prompts: [],
  resources: [],
  templates: [],
  ...more,
});
const said = (more: Partial<Seen>): string[] =>
  checkServer(seen(more), (text) => text.length).findings.map(
    ({ level, where, message }) => `${level}: ${where} ${message}`,
  );
const ofTool = (more: Record<string, unknown>): string[] => said({ tools: [{ ...good, ...more }] });

describe('a server', () => {
  it('that is as it should be has nothing amiss, and what it costs is counted', () => {
    const report = checkServer(seen({}), (text) => text.length);
    expect(report).toEqual({
      findings: [],
      tools: [{ name: 'read_note', tokens: JSON.stringify(good).length }],
      tokens: JSON.stringify([good]).length,
    });
  });

  it.each<[string, Partial<Seen>, string]>([
    ['offers nothing', { tools: [] }, 'error: server offers nothing'],
    [
      'says no version',
      { servers: [{ ...session, version: '' }, stateless] },
      'error: server says no name or no version',
    ],
    ['speaks one era', { servers: [session] }, 'warning: server does not speak 2026-07-28'],
    ['speaks the other', { servers: [stateless] }, 'warning: server does not speak 2025-11-25'],
    [
      'has no instructions',
      {
        servers: [
          { ...session, instructions: undefined },
          { ...stateless, instructions: ' ' },
        ],
      },
      'warning: server has no instructions',
    ],
    ['has a name twice', { tools: [good, good] }, 'error: tool read_note is listed more than once'],
    [
      'has a silent prompt',
      { prompts: [{ name: 'p', description: 'P.', arguments: [{ name: 'tone' }] }] },
      'warning: prompt p argument tone has no description',
    ],
    [
      'has a resource of unknown type',
      { resources: [{ uri: 'a://b', name: 'b', description: 'B.' }] },
      'warning: resource a://b has no mimeType',
    ],
  ])('%s', (_what, more, finding) => {
    expect(said(more)).toEqual([expect.stringContaining(finding)]);
  });
});

describe('a tool', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['has no description', { description: ' ' }, 'error: tool read_note has no description'],
    ['has no annotations', { annotations: { title: 'Read' } }, 'warning: tool read_note has no annotations'],
    ['has a long name', { name: 'n'.repeat(49) }, 'has a name of 49 characters: above 48'],
    ['has a longer name', { name: 'n'.repeat(65) }, 'has a name of 65 characters: many clients refuse more than 64'],
    ['has a name with a dot', { name: 'notes.read' }, 'warning: tool notes.read has a name with other characters'],
    ['has a name with a space', { name: 'read it' }, 'error: tool read it has a name with other characters'],
    ['has a schema of no object', { inputSchema: { type: 'string' } }, 'input schema whose type is not "object"'],
    [
      'has a schema that is none',
      { inputSchema: { type: 'object', required: 7 } },
      'error: tool read_note has an input schema that is none',
    ],
    [
      'has silent arguments, deep inside',
      {
        inputSchema: {
          type: 'object',
          properties: {
            lines: { type: 'array', description: 'Lines', items: { type: 'object', properties: { text: {} } } },
          },
        },
      },
      'warning: tool read_note argument lines[].text has no description',
    ],
    ['is dear', { description: 'x'.repeat(1000) }, 'tokens in every context'],
  ])('%s', (_what, more, finding) => {
    expect(ofTool(more)).toEqual([expect.stringContaining(finding)]);
  });

  it('is judged with errors first', () => {
    expect(ofTool({ annotations: {}, description: '' }).map((line) => line.split(':')[0])).toEqual([
      'error',
      'warning',
    ]);
  });
});
