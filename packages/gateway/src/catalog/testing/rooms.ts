/** A catalogue for tests: servers given as rules and what they offer, a room with all that it needs, turns ended by hand. */

import type { JsonObject } from '@sallyport/wire';
import {
  CatalogRoom,
  type CatalogOptions,
  type CatalogServer,
  type OwnedRecords,
  type Pins,
  type Setup,
  type Source,
} from '../index.ts';

export function server(name: string, more: Partial<CatalogServer> = {}): CatalogServer {
  return {
    name,
    fingerprint: `print of ${name}`,
    features: { tools: true, resources: true, prompts: true },
    tools: { deny: [], rename: {}, describe: {}, arguments: {} },
    readOnly: false,
    tags: [],
    overHttp: false,
    ...more,
  };
}

export interface Offer {
  readonly tools?: readonly string[];
  readonly prompts?: readonly string[];
  readonly resources?: readonly string[];
  readonly templates?: readonly string[];
  readonly said?: Partial<Source>;
}

export function source({ tools = [], prompts = [], resources = [], templates = [], said }: Offer): Source {
  const lists: Record<string, JsonObject[]> = {
    tools: tools.map((name) => ({ name, inputSchema: {} })),
    prompts: prompts.map((name) => ({ name })),
    resources: resources.map((uri) => ({ uri })),
    templates: templates.map((uriTemplate) => ({ uriTemplate })),
  };
  return {
    capabilities: { tools: {}, prompts: {}, resources: {} },
    info: {},
    instructions: undefined,
    list: async (kind) => lists[kind] ?? [],
    ...said,
  };
}

/** Everything is shown. */
export const DISCOVERY: Setup['discovery'] = { mode: 'full', budget: 0, always: [] };

export function setupOf(servers: readonly CatalogServer[], more: Partial<Setup> = {}): Setup {
  return { servers, naming: { mode: 'prefixed', maxLength: 48 }, views: {}, discovery: DISCOVERY, ...more };
}

/** Nothing is pinned. */
export const NO_PINS: Pins = { table: new Map(), observe: async () => undefined, onChanged: () => undefined };

/** Of owners: nothing is stored. */
export const NO_RECORDS: OwnedRecords = {
  load: async () => [],
  save: async () => undefined,
  drop: async () => undefined,
};

export interface Setting {
  readonly room: CatalogRoom;
  readonly watched: Set<string>;
  readonly changes: string[];
  readonly turn: () => void;
}

export function roomOf(setup: Setup, more: Partial<CatalogOptions> = {}): Setting {
  const watched = new Set<string>();
  const changes: string[] = [];
  const scheduled: (() => void)[] = [];
  const room = new CatalogRoom({
    setup,
    roots: ['/mcp', 'stdio'],
    watched: () => [...watched].map((endpoint) => ({ endpoint, audience: undefined })),
    info: {},
    deadlineMs: () => 0,
    load: async () => undefined,
    save: async () => undefined,
    drop: async () => undefined,
    owned: NO_RECORDS,
    pins: NO_PINS,
    start: () => Promise.reject(new Error('nothing is started')),
    problem: () => undefined,
    onChanged: ({ endpoint }, { kinds, owners }) =>
      changes.push([endpoint, ...kinds, ...(owners ? ['owners'] : [])].join(' ')),
    schedule: (tell) => scheduled.push(tell),
    log: () => undefined,
    now: () => 0,
    ...more,
  });
  const turn = (): void => {
    for (const tell of scheduled.splice(0)) tell();
  };
  return { room, watched, changes, turn };
}

export async function filled(
  setup: Setup,
  offers: Readonly<Record<string, Offer>>,
  more?: Partial<CatalogOptions>,
): Promise<Setting> {
  const setting = roomOf(setup, more);
  for (const [name, offer] of Object.entries(offers)) await setting.room.refresh(name, source(offer));
  setting.turn();
  return setting;
}

/** A store that has what the servers of a setup offer. */
export function stored(setup: Setup, offers: ReadonlyMap<string, Offer>): Pick<CatalogOptions, 'load'> {
  const list = (names: readonly string[] = [], key: string): JsonObject[] => names.map((name) => ({ [key]: name }));
  return {
    load: async (name) => {
      const { tools, prompts, resources, templates } = offers.get(name) ?? {};
      return {
        tools: list(tools, 'name'),
        prompts: list(prompts, 'name'),
        resources: list(resources, 'uri'),
        templates: list(templates, 'uriTemplate'),
        unread: [],
        capabilities: {},
        info: {},
        atMs: 0,
        fingerprint: setup.servers.find((each) => each.name === name)?.fingerprint,
      };
    },
  };
}
