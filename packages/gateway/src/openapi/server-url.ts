/** Where an operation is (Server Object, OpenAPI 3.1 §4.8.5): as the operator wrote it, else as the document says. */

import { isObject, type JsonObject } from '@sallyport/wire';
import { DocumentError, type ApiDocument } from './document.ts';
import type { Operation } from './operations.ts';

export interface Whereabouts {
  readonly document: ApiDocument;
  /** Of the operator. */
  readonly server: string | undefined;
  /** The URL of the document, which its relative URLs are meant from. */
  readonly source: string | undefined;
}

/** The path ends without a slash. Throws `DocumentError`. */
export function baseOf({ item, value }: Pick<Operation, 'item' | 'value'>, where: Whereabouts): URL {
  if (where.server !== undefined) return clean(where.server, undefined);
  const servers = [value, item, where.document.root]
    .map((holder) => holder['servers'])
    .find((each) => Array.isArray(each) && each.length > 0);
  const [first] = Array.isArray(servers) ? servers : [];
  return clean(isObject(first) ? filled(first) : '/', where.source);
}

/** With the default of each variable. */
function filled({ url, variables }: JsonObject): string {
  if (typeof url !== 'string') throw new DocumentError('a server of the document has no URL');
  return url.replaceAll(/\{([^{}]*)\}/g, (_all, name: string) => {
    const variable = isObject(variables) && Object.hasOwn(variables, name) ? variables[name] : undefined;
    const value = isObject(variable) ? variable['default'] : undefined;
    if (typeof value === 'string' || typeof value === 'number') return String(value);
    throw new DocumentError(
      `the server ${JSON.stringify(url.slice(0, 200))} has a variable without a default: write \`server\``,
    );
  });
}

function clean(text: string, source: string | undefined): URL {
  const url = URL.parse(text, source);
  if (url === null) {
    throw new DocumentError(
      `the document does not say where the API is (${JSON.stringify(text.slice(0, 200))}): write \`server\``,
    );
  }
  const { hash, password, protocol, search, username } = url;
  if (
    (protocol !== 'https:' && protocol !== 'http:') ||
    username !== '' ||
    password !== '' ||
    search !== '' ||
    hash !== ''
  ) {
    throw new DocumentError(
      `the server ${JSON.stringify(text.slice(0, 200))} is no plain http or https URL: write \`server\``,
    );
  }
  url.pathname = url.pathname.replace(/\/+$/, '');
  return url;
}
