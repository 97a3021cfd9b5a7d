/** Notes in SQLite: each principal has their own. Over HTTP, with a small page to read them. */
import { DatabaseSync } from 'node:sqlite';
import { createServer, principalKey, serve, ToolError, type Principal, type Route } from '@sallyport/server';
import { apiKey, none } from '@sallyport/server/auth';
import * as z from 'zod';
import { ICON, page, STYLE, type Note } from './page.ts';

const db = new DatabaseSync(process.env['NOTES_DB'] ?? 'notes.db');
db.exec(`create table if not exists notes (
  id integer primary key, owner text not null, title text not null, text text not null, changed_ms integer not null
) strict`);

const insert = db.prepare('insert into notes (owner, title, text, changed_ms) values (?, ?, ?, ?) returning id');
const select = db.prepare('select id, title, text from notes where owner = ? and id = ?');
const remove = db.prepare('delete from notes where owner = ? and id = ?');
const search = db.prepare(`select id, title, text from notes
  where owner = ? and instr(lower(title || ' ' || text), lower(?)) > 0 order by changed_ms desc, id desc limit 100`);

/** Every statement is by the owner: an id of somebody else's note finds nothing. */
const found = (principal: Principal, words: string): Note[] =>
  search.all(principalKey(principal), words) as unknown as Note[];

function one(principal: Principal, id: number): Note {
  const note = select.get(principalKey(principal), id) as Note | undefined;
  if (note === undefined) throw new ToolError(`There is no note ${id}.`);
  return note;
}

const server = createServer({
  name: 'notes',
  version: '1.0.0',
  instructions: 'Keeps notes of whoever is signed in. Search before you add.',
});

const noteSchema = z.object({ id: z.int(), title: z.string(), text: z.string() });
const id = z.int().describe('Of the note');

server.addTool(
  {
    name: 'add_note',
    description: 'Keeps a note, and gives its id.',
    inputSchema: z.strictObject({
      title: z.string().min(1).max(200).describe('A line that says what it is about'),
      text: z.string().max(100_000).describe('The note'),
    }),
    outputSchema: z.object({ id: z.int() }),
    annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: false },
  },
  ({ title, text }, { principal }) => {
    const { id: added } = insert.get(principalKey(principal), title, text, Date.now()) as { id: number };
    return { id: added };
  },
);

server.addTool(
  {
    name: 'search_notes',
    description: 'Finds notes by words that stand in them, the newest first, a hundred at most.',
    inputSchema: z.strictObject({ words: z.string().max(200).default('').describe('Absent: all notes') }),
    outputSchema: z.object({ notes: z.array(noteSchema) }),
    annotations: { readOnlyHint: true, openWorldHint: false },
  },
  ({ words }, { principal }) => ({ notes: found(principal, words) }),
);

server.addTool(
  {
    name: 'delete_note',
    description: 'Deletes a note for good, once its owner has agreed.',
    inputSchema: z.strictObject({ id }),
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  },
  async (asked, { elicit, principal }) => {
    const { title } = one(principal, asked.id);
    const answer = await elicit({
      message: `Delete the note “${title}”?`,
      requestedSchema: z.object({ sure: z.boolean() }),
    });
    if (answer.action !== 'accept' || !answer.content.sure) return 'It was not deleted.';
    remove.run(principalKey(principal), asked.id);
    return `Deleted note ${asked.id}.`;
  },
);

server.addResourceTemplate(
  {
    uriTemplate: 'notes:///{id}',
    name: 'note',
    description: 'One note.',
    mimeType: 'text/plain',
    list: ({ principal }) => found(principal, '').map((note) => ({ uri: `notes:///${note.id}`, name: note.title })),
  },
  (variables, { principal }) => one(principal, Number(variables['id'])).text,
);

const asset = (path: string, type: string, text: string): Route => ({
  path,
  auth: 'required',
  handle: (_request, response) => {
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(text);
  },
});

const key = process.env['NOTES_KEY'];
const serving = await serve(server, {
  http: { port: Number(process.env['PORT'] ?? 3000) },
  // With a key there is one more person; whoever sits at this machine is known anyway.
  auth: key === undefined ? none() : [apiKey({ keys: [{ name: 'ann', key, roles: [] }] }), none()],
  routes: [
    asset('/notes.css', 'text/css', STYLE),
    asset('/icon.svg', 'image/svg+xml', ICON),
    {
      path: '/',
      auth: 'required',
      handle: ({ url = '/' }, response, { principal }) => {
        const words = new URLSearchParams(url.split('?')[1]).get('q') ?? '';
        const text = page(principal === undefined ? [] : found(principal, words), words);
        response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(text);
      },
    },
  ],
});
console.log(serving.url);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void serving.close().then(() => db.close()));
