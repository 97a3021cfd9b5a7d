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
        <title>Notes</title>
      </head>
      <body>
        <h1>Notes</h1>
        <form><input name="q" value="${words}" aria-label="Words" /> <button>Search</button></form>
        ${notes.length === 0 ? html`<p>None.</p>` : shown}
      </body>
    </html>`,
  )}`;
}
