/**
 * The four lists as prepared bytes, per era, rebuilt only when the catalogue changes; a list request touches no server.
 * A page holds as much as any client takes at once; a cursor names a place in one version of the catalogue and is
 * sealed by whoever asks for it.
 */

import { createHash } from 'node:crypto';
import { preparedResult, type Answer } from '@sallyport/server';
import { META_SERVER_INFO, type Era, type JsonObject } from '@sallyport/wire';
import type { Catalog } from './merge.ts';
import { LISTS, type ListKind } from './snapshot.ts';

/** Entries on one page. */
const PAGE_SIZE = 20_000;

/** A server that is missing from the lists, as it is told to clients. */
export interface Missing {
  readonly server: string;
  readonly reason: string;
}

/** `_meta` of a list from which servers are missing. */
const META_MISSING = 'sallyport/missing';

/** Members that the stateless era does not know on a tool. */
const SESSION_ONLY: readonly string[] = ['execution'];

export interface Lists {
  /** Of the whole catalogue: the same content has the same version, on every run. */
  readonly version: string;
  /** Of each list alone. */
  readonly versions: Readonly<Record<ListKind, string>>;
  /** One page that begins at `offset`; `cursor` turns the next page's offset into text. */
  page(kind: ListKind, era: Era, offset: number, cursor: (offset: number) => string): Answer;
  readonly counts: Readonly<Record<ListKind, number>>;
}

export function prepareLists(
  catalog: Catalog,
  missing: Readonly<Record<ListKind, readonly Missing[]>>,
  info: JsonObject,
  pageSize: number = PAGE_SIZE,
): Lists {
  const entries: Record<ListKind, JsonObject[]> = {
    tools: [...catalog.tools.values()].map((entry) => entry.shown),
    prompts: [...catalog.prompts.values()].map((entry) => entry.shown),
    resources: [...catalog.resources.values()].map((entry) => entry.shown),
    templates: catalog.templates.map((entry) => entry.shown),
  };
  const versions = {
    tools: digest(entries.tools),
    prompts: digest(entries.prompts),
    resources: digest(entries.resources),
    templates: digest(entries.templates),
  };
  const texts = new Map<string, Answer>();
  const build = (kind: ListKind, era: Era, offset: number, cursor: string | undefined): Answer => {
    const { member } = LISTS[kind];
    const list = entries[kind].slice(offset, offset + pageSize);
    const shown = era === 'session' ? list : list.map(withoutSessionMembers);
    const meta: JsonObject = {
      ...(era === 'stateless' && { [META_SERVER_INFO]: info }),
      ...(missing[kind].length > 0 && { [META_MISSING]: missing[kind].map((each) => ({ ...each })) }),
    };
    return preparedResult(
      JSON.stringify({
        [member]: shown,
        ...(cursor !== undefined && { nextCursor: cursor }),
        ...(era === 'stateless' && { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }),
        ...(Object.keys(meta).length > 0 && { _meta: meta }),
      }),
    );
  };
  return {
    version: digest(versions),
    versions,
    page: (kind, era, offset, cursor) => {
      const next = offset + pageSize < entries[kind].length ? cursor(offset + pageSize) : undefined;
      if (offset > 0 || next !== undefined) return build(kind, era, offset, next);
      const key = `${kind} ${era}`;
      const known = texts.get(key) ?? build(kind, era, 0, undefined);
      texts.set(key, known);
      return known;
    },
    counts: {
      tools: entries.tools.length,
      prompts: entries.prompts.length,
      resources: entries.resources.length,
      templates: entries.templates.length,
    },
  };
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

function withoutSessionMembers(entry: JsonObject): JsonObject {
  if (!SESSION_ONLY.some((member) => member in entry)) return entry;
  return Object.fromEntries(Object.entries(entry).filter(([member]) => !SESSION_ONLY.includes(member)));
}
