/** What is another in a document than in the one that somebody looked at, for a person: where calls go and what goes along first. */

import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '@sallyport/wire';
import type { ApiDocument } from './document.ts';
import { listOperations, METHODS, type Operation } from './operations.ts';
import { schemesOf } from './security.ts';

/** A line for each; they hold what the document says. `server` is the server's name. Throws `DocumentError`. */
export function documentChanges(was: ApiDocument | undefined, is: ApiDocument, server: string): readonly string[] {
  const after = byKey(is, server);
  if (was === undefined) return [`${after.size} operations`];
  const before = byKey(was, server);
  const changed = [...after].filter(([key, operation]) => before.has(key) && isOther(before.get(key), operation));
  return [
    ...whole(was, is),
    ...changed
      .filter(([key, operation]) => isElsewhere(before.get(key), operation))
      .map(([key]) => `~ the servers of ${key}: its calls go elsewhere, unless \`server\` is written`),
    ...[...before.keys()].filter((key) => !after.has(key)).map((key) => `- ${key}`),
    ...[...after].filter(([key]) => !before.has(key)).map(([key, { summary = '' }]) => `+ ${key}  ${summary}`),
    ...changed.map(([key]) => `~ ${key}`),
  ];
}

function byKey(document: ApiDocument, server: string): ReadonlyMap<string, Operation> {
  return new Map(listOperations(document, server).operations.map((each) => [each.key, each]));
}

function whole(was: ApiDocument, is: ApiDocument): readonly string[] {
  const isSame = (member: string): boolean => isDeepStrictEqual(was.root[member], is.root[member]);
  const areSchemes = isDeepStrictEqual(schemesOf(was), schemesOf(is));
  return [
    ...(isSame('servers') ? [] : ['~ the servers: calls go elsewhere, unless `server` is written']),
    ...(areSchemes ? [] : ['~ the security schemes: where credentials stand, and where tokens are asked for']),
    ...(isSame('security') ? [] : ['~ the security: which credentials go along']),
    ...(isSame('components') ? [] : ['~ components: schemas, parameters or security schemes']),
  ];
}

/** Of what stands at a path, other operations are no matter of this one. */
function common({ item }: Operation): JsonObject {
  return Object.fromEntries(Object.entries(item).filter(([name]) => !METHODS.includes(name)));
}

function isOther(was: Operation | undefined, is: Operation): boolean {
  return was === undefined || !isDeepStrictEqual([was.value, common(was)], [is.value, common(is)]);
}

function isElsewhere(was: Operation | undefined, { item, value }: Operation): boolean {
  return !isDeepStrictEqual([was?.value['servers'], was?.item['servers']], [value['servers'], item['servers']]);
}
