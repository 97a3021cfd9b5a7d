/**
 * Programs of the configuration (`tools`) as a server of their own: what it offers, and that nothing has to be started for it. To
 * the catalogue, the pins and the policy its tools are tools like all others. What runs them is in the room of code.
 */

import { hash } from 'node:crypto';
import type { JsonObject } from '@sallyport/wire';
import type { CatalogServer, Source } from '../catalog/index.ts';
import type { Config } from '../config/index.ts';
import { OWN_SERVER, type ToolConfig } from '../config/types-tools.ts';

export { OWN_SERVER } from '../config/types-tools.ts';

type Tools = Config['tools'];

/** Where the hash of the program stands in the definition: it is pinned with it, so that another program is another tool. */
const PROGRAM_HASH = 'sallyport/program';

const DESCRIPTION = 'Programs over the other tools, by whoever runs this gateway';

/** As the catalogue needs it; undefined where there are no such tools. */
export function ownCatalogServer(tools: Tools): CatalogServer | undefined {
  if (Object.keys(tools).length === 0) return undefined;
  return {
    name: OWN_SERVER,
    tools: { deny: [], rename: {}, describe: {}, arguments: {} },
    features: { tools: true, resources: false, prompts: false },
    readOnly: false,
    tags: [],
    overHttp: false,
    fingerprint: hash('sha256', JSON.stringify(definitionsOf(tools))),
  };
}

/** What it says of itself; undefined: that is another server. */
export function ownSource(server: string, tools: Tools, info: JsonObject): Source | undefined {
  // Of nearly all calls the name alone is looked at.
  if (server !== OWN_SERVER || Object.keys(tools).length === 0) return undefined;
  return {
    capabilities: { tools: {} },
    info: { ...info, description: DESCRIPTION },
    instructions: undefined,
    list: (kind) => Promise.resolve(kind === 'tools' ? definitionsOf(tools) : []),
  };
}

function definitionsOf(tools: Tools): JsonObject[] {
  return Object.entries(tools).map(([name, tool]) => definitionOf(name, tool));
}

function definitionOf(
  name: string,
  { annotations, code, description, inputSchema, outputSchema, title }: ToolConfig,
): JsonObject {
  return {
    name,
    ...(title !== undefined && { title }),
    description,
    inputSchema,
    ...(outputSchema !== undefined && { outputSchema }),
    ...(annotations !== undefined && { annotations }),
    _meta: { [PROGRAM_HASH]: hash('sha256', code) },
  };
}

/** Servers, and what stands behind each: with that of the programs, where there are any. */
export function withOwnServer(
  servers: Config['servers'],
  tools: Tools,
): readonly (Pick<Config['servers'][number], 'name'> & {
  readonly target: Config['servers'][number]['target'] | { readonly kind: 'programs' };
})[] {
  return Object.keys(tools).length === 0 ? servers : [...servers, { name: OWN_SERVER, target: { kind: 'programs' } }];
}
