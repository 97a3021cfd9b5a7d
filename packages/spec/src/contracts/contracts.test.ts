import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { outlineOf } from '../grammar/markdown.ts';
import { parseDataModel } from '../grammar/design.ts';
import { DATA_MODEL } from '../testing/sample.ts';
import { contractText } from './generate.ts';
import { contractSource } from './source.ts';

const SAID = `
- **FR-001**: \`POST /notes\` - stores a note
- GET /notes/:id - reads a note.
- GET /notes - "lists": notes, all # of them
- DELETE /notes/{id}
- Model: Tag { name: string, notes: Note[], weight?: integer }
- Query: findNotes(word: String!): [Note!]!
`;
const source = contractSource('Note: keeping', [outlineOf(SAID)], parseDataModel(DATA_MODEL).entities);

describe('a contract', () => {
  it('is valid YAML of OpenAPI 3.1, whatever a summary holds', () => {
    const document = parse(contractText(source, 'openapi', true)) as Record<string, Record<string, unknown>>;
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'Note: keeping' },
      paths: {
        '/notes': { post: { operationId: 'postNotes' }, get: { summary: '"lists": notes, all # of them' } },
        '/notes/{id}': {
          get: {
            parameters: [{ name: 'id', in: 'path', required: true }],
            responses: { 200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Note' } } } } },
          },
          delete: { responses: { 204: {} } },
        },
      },
      components: {
        schemas: {
          Note: {
            required: ['id', 'text', 'createdAt'],
            properties: { createdAt: { type: 'string', format: 'date-time' } },
          },
          Tag: {
            required: ['name', 'notes'],
            properties: { notes: { type: 'array', items: { $ref: '#/components/schemas/Note' } } },
          },
        },
      },
    });
  });

  it('has no examples when none are wanted', () => {
    expect(contractText(source, 'json-schema', false)).not.toContain('examples');
    expect(JSON.parse(contractText(source, 'json-schema', true))).toMatchObject({
      $defs: { Note: { properties: { id: { examples: ['text'] } } } },
    });
  });

  it('is GraphQL with the operations that were named', () => {
    expect(contractText(source, 'graphql', true)).toBe(`# Note: keeping

type Query {
  findNotes(word: String!): [Note!]!
  getNotesById(id: ID!): Note
  getNotes: [Note!]!
}

type Mutation {
  postNotes: Note
  deleteNotesById(id: ID!): Note
}

type Note {
  id: String!
  text: String!
  createdAt: String!
}

type Tag {
  name: String!
  notes: [Note!]!
  weight: Int
}
`);
  });

  it('is refused when nothing was said', () => {
    const nothing = contractSource('x', [outlineOf('# x\n')], []);
    expect(() => contractText(nothing, 'openapi', true)).toThrowError(/Nothing was found/);
  });
});
