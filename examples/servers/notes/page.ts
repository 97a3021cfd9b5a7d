/** Notes as a page. What stands in them is escaped by the `html` tag; there is no script on it. */
import { html, markup } from '@sallyport/server/browser';

export interface Note {
  readonly id: number;
  readonly title: string;
  readonly text: string;
}

export function page(notes: readonly Note[], words: string): string {
  const shown = notes.map(
    (note) =>
      html`<article>
        <h2>${note.title}</h2>
        <pre>${note.text}</pre>
      </article>`,
  );
  return `<!doctype html>${markup(
    html`<html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>Notes</title>
        <link rel="icon" href="/icon.svg" />
        <link rel="stylesheet" href="/notes.css" />
      </head>
      <body>
        <h1>Notes</h1>
        <form><input type="search" name="q" value="${words}" aria-label="Words" /> <button>Search</button></form>
        ${notes.length === 0 ? html`<p>${words === '' ? 'There are no notes yet.' : 'No note has these words.'}</p>` : shown}
      </body>
    </html>`,
  )}`;
}

export const STYLE = `
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 40rem; padding: 1rem; }
article { border-top: 1px solid light-dark(#ccc, #555); }
h2 { font-size: 1.1rem; margin: 1rem 0 0.25rem; overflow-wrap: anywhere; }
pre { font: inherit; margin: 0 0 1rem; overflow-wrap: anywhere; white-space: pre-wrap; }
form { margin-bottom: 1rem; }
input, button { font: inherit; }
`;

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="#678"><path d="M2 1h9l3 3v11H2z"/></svg>
`;
