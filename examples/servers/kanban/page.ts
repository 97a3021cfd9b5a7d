/** The live page: what the board is now, drawn anew with every event. Texts of cards are text, never markup. */

export const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Kanban</title>
    <link rel="stylesheet" href="/board.css" />
  </head>
  <body>
    <main id="boards">Nothing yet.</main>
    <script src="/board.js"></script>
  </body>
</html>
`;

export const STYLE = `
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem; }
.columns { display: flex; gap: 1rem; align-items: flex-start; }
.column { background: #eee; border-radius: 0.5rem; min-width: 14rem; padding: 0.5rem 1rem; }
.card { background: #fff; border-radius: 0.25rem; margin: 0.5rem 0; padding: 0.5rem; }
.card small { color: #555; }
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
new EventSource('/events').onmessage = ({ data }) => {
  document.getElementById('boards').replaceChildren(...JSON.parse(data).map(board));
};
`;
