/** The live page: what the board is now, drawn anew with every event. Texts of cards are text, never markup. */

export const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width" />
    <title>Kanban</title>
    <link rel="icon" href="/icon.svg" />
    <link rel="stylesheet" href="/board.css" />
  </head>
  <body>
    <p id="state" role="status"></p>
    <main id="boards"></main>
    <script src="/board.js"></script>
  </body>
</html>
`;

export const STYLE = `
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; padding: 1rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(16rem, 100%), 1fr)); gap: 1rem; align-items: start; }
.column { background: light-dark(#eee, #2a2a2a); border-radius: 0.5rem; padding: 0.5rem 1rem; }
.column h3 { margin: 0.25rem 0; }
.card { background: light-dark(#fff, #3a3a3a); border-radius: 0.25rem; margin: 0.5rem 0; padding: 0.5rem; overflow-wrap: anywhere; }
.card small { color: light-dark(#555, #bbb); }
`;

export const SCRIPT = `
const make = (tag, className, ...inside) => {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...inside);
  return element;
};
const card = ({ title, assignee, tags }) =>
  make('div', 'card', title, make('br', ''), make('small', '', [assignee, ...tags].filter(Boolean).join(' · ')));
const column = ({ name, cards }) => make('section', 'column', make('h3', '', name), ...cards.map(card));
const board = ({ name, columns }) => make('article', '', make('h2', '', name), make('div', 'columns', ...columns.map(column)));
const state = document.getElementById('state');
const events = new EventSource('/events');
events.onmessage = ({ data }) => {
  const boards = JSON.parse(data);
  state.textContent = boards.length === 0 ? 'There is no board yet.' : '';
  document.getElementById('boards').replaceChildren(...boards.map(board));
};
events.onerror = () => {
  state.textContent = 'The server is away: this is how the board was.';
};
`;

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="#678"><path d="M1 1h4v14H1zm5 0h4v9H6zm5 0h4v6h-4z"/></svg>
`;
