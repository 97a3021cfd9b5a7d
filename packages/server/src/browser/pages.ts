/**
 * The frame of every page, and the headers that go with it: nothing runs, nothing but its style is loaded, no other site
 * frames it.
 * What a page says is its caller's.
 */

import { hash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { html, markup, type Html } from './html.ts';
import { STYLE } from './style.ts';
import type { PageContent } from './types.ts';

export interface Pages {
  /** Where the style stands: another path when it changes. */
  readonly stylePath: string;
  style(response: ServerResponse): void;
  page(response: ServerResponse, content: PageContent): void;
  /** A page of one paragraph, and a way on. */
  message(response: ServerResponse, message: Message): void;
  leave(response: ServerResponse, url: URL, name: string): void;
  /** 303: the browser goes on with a GET. */
  redirect(response: ServerResponse, path: string): void;
}

export interface Message {
  readonly status: number;
  readonly title: string;
  readonly text: string;
  /** A path of ours, and what its link says. */
  readonly next?: { readonly path: string; readonly label: string };
}

/** One origin, or a scheme of an application: neither all of the web nor what a browser would run. */
const ORIGIN_SOURCE = /^https?:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;
const SCHEME_SOURCE = /^(?!(?:https?|wss?|javascript|data|blob|file|vbscript|about|filesystem):)[a-z][a-z0-9+.-]*:$/;

/** Chrome holds what a form leads to against this too, so that a page says where its form may lead. */
function policyFor(formAction: readonly string[]): string {
  const stray = formAction.find((each) => !ORIGIN_SOURCE.test(each) && !SCHEME_SOURCE.test(each));
  if (stray !== undefined) throw new TypeError(`Neither an origin nor a scheme that a form may lead to: ${stray}`);
  return [
    "default-src 'none'",
    "style-src 'self'",
    `form-action ${["'self'", ...formAction].join(' ')}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
}

/** A gate in a wall. */
const MARK: Html = html`<svg viewBox="0 0 28 28" fill="currentColor" aria-hidden="true">
  <path
    d="M3 25V6h3v3h3V6h3v3h4V6h3v3h3V6h3v19h-6v-6.5a5 5 0 0 0-10 0V25H3Zm7.5 0v-6.5a3.5 3.5 0 0 1 2.75-3.42V25h-2.75Zm4.25 0v-9.92a3.5 3.5 0 0 1 2.75 3.42V25h-2.75Z"
  />
</svg>`;

/** `product` is its name. */
export function createPages(product: string): Pages {
  const stylePath = `/login/${hash('sha256', STYLE, 'hex').slice(0, 16)}.css`;
  const send = (response: ServerResponse, content: PageContent, head?: Html): void => {
    if (response.headersSent || response.destroyed) return;
    const text = markup(frame(content, { product, stylePath, head }));
    // A body that nobody reads would be read to its end to keep the connection.
    if (!response.req.complete && response.req.method === 'POST') response.setHeader('connection', 'close');
    response.writeHead(content.status ?? 200, {
      'content-type': 'text/html; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
      'content-security-policy': policyFor(content.formAction ?? []),
    });
    response.end(text);
  };
  return {
    stylePath,
    style: (response) => {
      const caching = 'public, max-age=31536000, immutable';
      response.writeHead(200, { 'content-type': 'text/css; charset=utf-8', 'cache-control': caching }).end(STYLE);
    },
    page: (response, content) => send(response, content),
    message: (response, { status, title, text, next }) => {
      const way = next && html`<a class="button" href="${next.path}">${next.label}</a>`;
      send(response, {
        status,
        title,
        body: html`<p>${text}</p>
          ${way}`,
      });
    },
    leave: (response, url, name) => {
      if (!['http:', 'https:'].includes(url.protocol)) throw new TypeError('A browser is sent to http and https only.');
      const body = html`<p>If your browser does not go on by itself, use this button.</p>
        <a class="button" href="${url.href}" rel="noreferrer">Continue to ${name}</a>`;
      const refresh = html`<meta http-equiv="refresh" content="0; url=${url.href}" />`;
      send(response, { title: `Taking you to ${name}`, body }, refresh);
    },
    redirect: (response, path) => {
      response.writeHead(303, { location: path, 'cache-control': 'no-store' }).end();
    },
  };
}

interface Frame {
  readonly product: string;
  readonly stylePath: string;
  readonly head: Html | undefined;
}

function frame({ title, body }: PageContent, { product, stylePath, head }: Frame): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        ${head}
        <title>${title} · ${product}</title>
        <link rel="stylesheet" href="${stylePath}" />
      </head>
      <body>
        <header>${MARK}<span>${product}</span></header>
        <main>
          <h1>${title}</h1>
          ${body}
        </main>
      </body>
    </html>`;
}
