/** Catalogues as discovery sees them, made of few words. */

import type { SearchIndex } from '../search-index.ts';
import { Indexes } from '../indexes.ts';
import type { SeenServer, SeenTool, Sight } from '../types.ts';

/** `server name: description`, and parameters where they matter. */
export function seenTool(server: string, original: string, description: string, more: object = {}): SeenTool {
  const id = `${server}__${original}`;
  const shown = { name: id, description, inputSchema: { type: 'object' }, ...more };
  return { name: id, id, server, original, shown, annotations: undefined };
}

export function sightOf(tools: readonly SeenTool[], described: Readonly<Record<string, string>> = {}): Sight {
  const names = [...new Set(tools.map(({ server }) => server))];
  const servers = names.map((name): SeenServer => ({ name, description: described[name] ?? '' }));
  return { tools: new Map(tools.map((tool) => [tool.name, tool])), servers };
}

export function indexOf(...tools: readonly SeenTool[]): Promise<SearchIndex> {
  return new Indexes({ monotonic: () => 0, pause: () => Promise.resolve() }).of(sightOf(tools));
}
