/** A kanban board for people and models: twenty tools over HTTP, resources that tell of changes, and a page that shows them live. */
import type { ServerResponse } from 'node:http';
import { createServer, serve, ToolError, type Route } from '@sallyport/server';
import { BoardError, Boards } from './board.ts';
import { ICON, PAGE, SCRIPT, STYLE } from './page.ts';
import { addTools } from './tools.ts';

const MAX_PAGES = 32;

const server = createServer({
  name: 'kanban',
  version: '1.0.0',
  instructions: 'Boards with columns and cards. list_boards gives the ids, get_board all that is on one.',
});
const pages = new Set<ServerResponse>();
const boards = new Boards((board, card) => {
  server.resourceUpdated('kanban:///boards');
  server.resourceUpdated(`kanban:///boards/${board.id}`);
  if (card !== undefined) server.resourceUpdated(`kanban:///cards/${card.id}`);
  for (const page of pages) page.write(event());
});
addTools(server, boards);

server.addResource(
  { uri: 'kanban:///boards', name: 'boards', description: 'All boards, as JSON.', mimeType: 'application/json' },
  () => JSON.stringify(boards.all),
);
const found = (find: () => unknown): string => {
  try {
    return JSON.stringify(find());
  } catch (error) {
    throw error instanceof BoardError ? new ToolError(error.message) : error;
  }
};
server.addResourceTemplate(
  {
    uriTemplate: 'kanban:///boards/{id}',
    name: 'board',
    description: 'A board with all that is on it, as JSON.',
    mimeType: 'application/json',
    list: () => boards.all.map(({ id, name }) => ({ uri: `kanban:///boards/${id}`, name })),
    complete: { id: () => boards.all.map(({ id }) => String(id)) },
  },
  ({ id }) => found(() => boards.board(Number(id))),
);
server.addResourceTemplate(
  { uriTemplate: 'kanban:///cards/{id}', name: 'card', description: 'A card, as JSON.', mimeType: 'application/json' },
  ({ id }) => found(() => boards.card(Number(id)).card),
);
server.addPrompt(
  {
    name: 'standup',
    description: 'Sums up a board for a short meeting.',
    arguments: [{ name: 'board', description: 'Its id', required: true }],
  },
  ({ board }) =>
    `What is done, what is being done by whom, and what is stuck?\n${found(() => boards.board(Number(board)))}`,
);

function event(): string {
  return `data: ${JSON.stringify(boards.all)}\n\n`;
}

const asset = (path: string, type: string, text: string): Route => ({
  path,
  auth: 'required',
  handle: (_request, response) => {
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(text);
  },
});

const serving = await serve(server, {
  http: { port: Number(process.env['PORT'] ?? 3000) },
  websocket: true,
  routes: [
    asset('/', 'text/html', PAGE),
    asset('/board.js', 'text/javascript', SCRIPT),
    asset('/board.css', 'text/css', STYLE),
    asset('/icon.svg', 'image/svg+xml', ICON),
    {
      path: '/events',
      auth: 'required',
      handle: (_request, response, { json }) => {
        if (pages.size >= MAX_PAGES) return json('too many pages are open', 503);
        response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).write(event());
        pages.add(response);
        response.once('close', () => pages.delete(response));
      },
    },
  ],
});
console.log(serving.url);
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const page of pages) page.end();
    void serving.close();
  });
}
