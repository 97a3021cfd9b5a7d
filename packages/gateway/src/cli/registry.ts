/**
 * The MCP registry (https://registry.modelcontextprotocol.io; its API v0.1, OpenAPI of 2025-12-01): what it lists, read with suspicion.
 * Registries of before v0.1 are asked by v0. Its address is fetched by the guard of addresses from outside, without redirects; answers are bounded.
 */
import { createGuardedFetch } from '@sallyport/client/egress';
import { isObject } from '@sallyport/wire';
import type { Config } from '../config/types.ts';
import { throughProxy } from '../wiring/egress-settings.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { configuredOrDefault } from './key-store.ts';
import { oneLine } from './text.ts';

export const REGISTRY = 'https://registry.modelcontextprotocol.io';

const LATEST = 'latest';
const TIMEOUT_MS = 20_000;
const MAX_BYTES = 4 * 1024 * 1024;
/** Of a search for one name: versions of it may fill pages. */
const MAX_PAGES = 5;
/** The first is the one that stays as it is. */
const API_VERSIONS = ['/v0.1', '/v0'] as const;
const OFFICIAL = 'io.modelcontextprotocol.registry/official';

/** A server as the registry describes it (`server.json`). */
export interface Listed {
  readonly name: string;
  readonly version: string;
  readonly title?: string;
  readonly description: string;
  readonly status: string;
  /** Why it is no longer active. */
  readonly statusMessage?: string;
  readonly isLatest: boolean;
  /** The whole description. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface Registry {
  /** Servers that the registry finds by a text in their name or description, newest versions alone, at most so many. */
  search(query: string, limit: number): Promise<readonly Listed[]>;
  /** The newest version of exactly this name, or the one that is named. */
  find(name: string, version?: string): Promise<Listed | undefined>;
}

/** `address`: typed by the person, so it may be anywhere. */
export async function openRegistry(
  context: CliContext,
  globals: GlobalOptions,
  address: string | undefined,
): Promise<Registry> {
  const base = baseOf(address ?? REGISTRY);
  const config = await configuredOrDefault(context, globals);
  const ask = async (path: string): Promise<unknown> => {
    for (const version of API_VERSIONS) {
      const body = await fetchJson(context, config, base, `${version}${path}`, address !== undefined);
      if (body !== undefined) return body;
    }
    return undefined;
  };
  const page = async (params: Readonly<Record<string, string>>): Promise<Page> =>
    pageOf(await ask(`/servers?${new URLSearchParams(params).toString()}`));
  const exactly = async (name: string, version: string): Promise<Listed | undefined> => {
    const place = `/servers/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}`;
    const [found] = listedOf(await ask(`${place}?include_deleted=true`));
    return found?.name === name && (version === LATEST || found.version === version) ? found : undefined;
  };
  return {
    async search(query, limit) {
      const { servers } = await page({ search: query, limit: String(limit), version: LATEST });
      return newest(servers).slice(0, limit);
    },
    async find(name, version) {
      const exact = await exactly(name, version ?? LATEST);
      if (exact !== undefined) return exact;
      // Not every registry can be asked for one server.
      const found: Listed[] = [];
      let cursor: string | undefined;
      for (let index = 0; index < MAX_PAGES; index += 1) {
        const params = { search: name, limit: '100', ...(cursor !== undefined && { cursor }) };
        const { servers, next } = await page(params);
        found.push(...servers.filter((one) => one.name === name));
        if (next === undefined) break;
        cursor = next;
      }
      return version === undefined ? newest(found)[0] : found.find((one) => one.version === version);
    },
  };
}

function baseOf(address: string): URL {
  const base = URL.parse(address);
  if (base !== null && /^https?:$/.test(base.protocol) && base.username === '' && base.password === '') return base;
  throw new CliError(`--registry: expected an address such as ${REGISTRY}`, exitCodes.usage);
}

/** Undefined: there is nothing at that path. */
async function fetchJson(
  { env }: CliContext,
  config: Config | undefined,
  base: URL,
  path: string,
  isNamed: boolean,
): Promise<unknown> {
  const url = new URL(`${base.pathname.replace(/\/$/, '')}${path}`, base);
  const named = isNamed ? [base.hostname.replace(/^\[(.*)\]$/, '$1')] : [];
  const fetchGuarded = createGuardedFetch({
    allow: [...(config?.egress.allow ?? []), ...named],
    env: throughProxy(env, config?.egress.proxy),
    timeoutMs: TIMEOUT_MS,
  });
  try {
    const response = await fetchGuarded(url.href, { headers: { accept: 'application/json' } });
    if (response.status === 404) {
      await response.body?.cancel();
      return undefined;
    }
    if (!response.ok) throw new CliError(`${base.origin} answered ${response.status}`, exitCodes.unreachable);
    return JSON.parse(await boundedText(response, base)) as unknown;
  } catch (error) {
    if (error instanceof CliError) throw error;
    const reason = error instanceof SyntaxError ? 'it answered with no JSON' : (error as Error).message;
    throw new CliError(`the registry ${base.origin} cannot be asked: ${oneLine(reason)}`, exitCodes.unreachable);
  } finally {
    fetchGuarded.destroy();
  }
}

async function boundedText(response: Response, base: URL): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new CliError(`${base.origin} answers with more than 4 MiB`, exitCodes.unreachable);
    chunks.push(chunk);
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
}

interface Page {
  readonly servers: readonly Listed[];
  readonly next: string | undefined;
}

function pageOf(body: unknown): Page {
  if (!isObject(body) || !Array.isArray(body['servers'])) {
    throw new CliError('the registry answered with something else than a list of servers', exitCodes.unreachable);
  }
  const metadata = isObject(body['metadata']) ? body['metadata'] : {};
  const next = metadata['nextCursor'];
  return {
    servers: body['servers'].flatMap(listedOf),
    next: typeof next === 'string' && next !== '' ? next : undefined,
  };
}

/** An entry is `{server, _meta}`; older registries put the server itself into the list. */
function listedOf(item: unknown): Listed[] {
  if (!isObject(item)) return [];
  const detail = isObject(item['server']) ? item['server'] : item;
  const { name, version, title, description } = detail;
  if (typeof name !== 'string' || typeof version !== 'string') return [];
  return [
    {
      name,
      version,
      ...(typeof title === 'string' && { title }),
      description: typeof description === 'string' ? description : '',
      ...officialOf([item['_meta'], detail['_meta']].find(isObject) ?? {}, detail),
      detail,
    },
  ];
}

function officialOf(
  meta: Readonly<Record<string, unknown>>,
  detail: Listed['detail'],
): Pick<Listed, 'isLatest' | 'status' | 'statusMessage'> {
  const official = isObject(meta[OFFICIAL]) ? meta[OFFICIAL] : {};
  const { statusMessage } = official;
  const status = official['status'] ?? detail['status'];
  return {
    status: typeof status === 'string' ? status : 'active',
    ...(typeof statusMessage === 'string' && { statusMessage }),
    isLatest: (official['isLatest'] ?? official['is_latest']) === true,
  };
}

/** Of each name the newest: the one that is called so, else the last that is listed. */
function newest(servers: readonly Listed[]): Listed[] {
  const byName = new Map<string, Listed>();
  for (const server of servers) if (byName.get(server.name)?.isLatest !== true) byName.set(server.name, server);
  return [...byName.values()];
}
