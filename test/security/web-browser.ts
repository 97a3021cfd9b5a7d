/**
 * What a browser does with our pages. Cookies with the rules of their names and flags, redirections, a page that
 * goes on by itself, forms with `Origin`. It runs nothing, as no browser runs anything on them.
 */

import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface WebPage {
  readonly url: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface WebRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Cookie {
  readonly value: string;
  readonly isSecure: boolean;
}

const MAX_HOPS = 20;

export class WebBrowser {
  readonly #ca: string | undefined;
  /** By host and name. */
  readonly #jar: Map<string, Cookie> = new Map();
  /** Every `Set-Cookie` that came, as it came, with the URL that it came from. */
  readonly cookiesSet: { readonly url: string; readonly text: string }[] = [];
  /** Every URL that was asked for. */
  readonly visited: string[] = [];

  constructor(ca?: string) {
    this.#ca = ca;
  }

  cookie(url: string, name: string): string | undefined {
    return this.#jar.get(`${new URL(url).hostname} ${name}`)?.value;
  }

  /** As somebody else would who got at the browser, by whatever means. */
  plant(url: string, name: string, value: string): void {
    this.#jar.set(`${new URL(url).hostname} ${name}`, { value, isSecure: true });
  }

  /** Goes on to where it is sent, unless `until` says that this is the URL that was wanted: then it is not asked for. */
  async open(url: string, until?: (url: string) => boolean): Promise<WebPage> {
    return await this.#follow(await this.send(url, { method: 'GET', headers: {} }), until);
  }

  /** Submits the form of a page that has `marker` in it, with what was filled in. */
  async submit(
    page: WebPage,
    marker: string,
    filled: Readonly<Record<string, string>> = {},
    until?: (url: string) => boolean,
  ): Promise<WebPage> {
    const { action, fields } = formOf(page, marker);
    return await this.#follow(await this.post(action, { ...fields, ...filled }), until);
  }

  /** One POST as a page of the same site makes it. */
  async post(
    url: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<WebPage> {
    const { origin } = new URL(url);
    const own = { origin, 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams(fields).toString();
    return await this.send(url, { method: 'POST', headers: { ...own, ...headers }, body });
  }

  async send(url: string, { method, headers, body }: WebRequest): Promise<WebPage> {
    this.visited.push(url);
    const { hostname, protocol } = new URL(url);
    const cookie = [...this.#jar]
      .filter(([key, { isSecure }]) => key.startsWith(`${hostname} `) && (!isSecure || protocol === 'https:'))
      .map(([key, { value }]) => `${key.slice(hostname.length + 1)}=${value}`)
      .join('; ');
    const page = await fetchPage(url, {
      method,
      headers: { ...(cookie === '' ? {} : { cookie }), ...headers },
      ...(body === undefined ? {} : { body }),
      ...(this.#ca === undefined ? {} : { ca: this.#ca }),
    });
    for (const text of page.headers['set-cookie'] ?? []) this.#keep(url, text);
    return page;
  }

  #keep(url: string, text: string): void {
    this.cookiesSet.push({ url, text });
    const { hostname, protocol } = new URL(url);
    const [pair = '', ...attributes] = text.split(';').map((each) => each.trim());
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    const has = (wanted: RegExp): boolean => attributes.some((each) => wanted.test(each));
    const isSecure = has(/^secure$/i);
    const refused =
      (isSecure && protocol !== 'https:') ||
      (name.startsWith('__Host-') && (!isSecure || has(/^domain=/i) || !has(/^path=\/$/i)));
    if (refused) return;
    if (has(/^max-age=0$/i) || has(/^expires=thu, 01 jan 1970/i)) this.#jar.delete(`${hostname} ${name}`);
    else this.#jar.set(`${hostname} ${name}`, { value, isSecure });
  }

  async #follow(first: WebPage, until?: (url: string) => boolean): Promise<WebPage> {
    let page = first;
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const next = nextOf(page);
      if (next === undefined) return page;
      if (until?.(next) === true) return { ...page, url: next };
      page = await this.send(next, { method: 'GET', headers: {} });
    }
    throw new Error(`it never ends: ${page.url}`);
  }
}

function nextOf({ headers, status, text, url }: WebPage): string | undefined {
  const refresh = /<meta http-equiv="refresh" content="0; url=([^"]+)"/.exec(text)?.[1];
  if (refresh !== undefined) return unescaped(refresh);
  const { location } = headers;
  return status >= 300 && status < 400 && location !== undefined ? new URL(location, url).href : undefined;
}

/** The form that has `marker` in it: where it goes and its hidden fields. */
export function formOf(
  { text, url }: WebPage,
  marker: string,
): { readonly action: string; readonly fields: Record<string, string> } {
  const form = [...text.matchAll(/<form\b[\s\S]*?<\/form>/g)]
    .map(([whole]) => whole)
    .find((each) => each.includes(marker));
  if (form === undefined) throw new Error(`no form with ${marker} on this page: ${text}`);
  const fields: Record<string, string> = {};
  for (const [input] of form.matchAll(/<input\b[^>]*>/g)) {
    const name = /\bname="([^"]*)"/.exec(input)?.[1];
    const value = /\bvalue="([^"]*)"/.exec(input)?.[1];
    if (name !== undefined && value !== undefined) fields[name] = unescaped(value);
  }
  return { action: new URL(unescaped(/\baction="([^"]*)"/.exec(form)?.[1] ?? url), url).href, fields };
}

function unescaped(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&#96;', '`')
    .replaceAll('&amp;', '&');
}

function fetchPage(url: string, { ca, body, ...options }: WebRequest & { readonly ca?: string }): Promise<WebPage> {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, { ...options, agent: false, ...(ca === undefined ? {} : { ca }) }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { headers, statusCode: status = 0 } = response;
        resolve({ url, status, headers, text: Buffer.concat(chunks).toString('utf8') });
      });
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}
