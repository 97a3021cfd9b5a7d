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

  it('holds together, whatever was said', () => {
    const awkward = contractSource(
      'x',
      [
        outlineOf(`
- GET /notes/{id} - one
- PUT /notes/:note - changes it
- GET /a-b - first
- GET /a/b - second
- GET /broken/{id - no variable
- GET /{both}/{both}
- Model: Query { a-b: string, text: String, note: Missing }
- Model: Empty { }
- Query: twice: Gone
- Query: twice(x y): [Empty!]
- Mutation: give(note: Query!, many: [String!]!): Query
`),
      ],
      parseDataModel('# D\n\n## Entry\n\n- created-at (date): x\n- created_at (date): y\n').entities,
    );
    const document = parse(contractText(awkward, 'openapi', true)) as {
      paths: Record<string, Record<string, { operationId: string; parameters?: { name: string }[] }>>;
      components: { schemas: object };
    };
    expect(Object.keys(document.paths).toSorted()).toEqual(['/a-b', '/a/b', '/notes/{id}', '/{both}/{both}']);
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    expect(document.paths['/notes/{id}']?.['put']?.parameters).toMatchObject([{ name: 'id' }]);
    expect(document.paths['/{both}/{both}']?.['get']?.parameters).toHaveLength(1);
    for (const [, name = ''] of JSON.stringify(document).matchAll(/schemas\/(\w+)/g))
      expect(document.components.schemas).toHaveProperty(name);
    expect(contractText(awkward, 'graphql', true)).toBe(`# x

type Query {
  twice: String
  getNotesById(id: ID!): String
  getAB: [String!]!
  getAB2: [String!]!
  getByBothByBoth(both: ID!): String
}

type Mutation {
  give(note: String!, many: [String!]!): QueryModel
  putNotesById(id: ID!): String
}

type Entry {
  created_at: String!
}

type QueryModel {
  text: String!
  note: String!
}

type Empty {
  _empty: Boolean
}
`);
  });

  it('is refused when nothing was said', () => {
    const nothing = contractSource('x', [outlineOf('# x\n')], []);
    expect(() => contractText(nothing, 'openapi', true)).toThrowError(/Nothing was found/);
  });
});
