/**
 * REST to MCP: an API that an OpenAPI document describes, as a server of which this gateway is the inside. The document is data
 * from outside, and so is every address in it; credentials come from the configuration alone. To the other rooms it is a
 * server like any other.
 */

import { randomBytes } from 'node:crypto';
import { UpstreamError, type Leg } from '@sallyport/client';
import type { ApiTarget } from '../call.ts';
import { DocumentError, readDocument, type ApiDocument } from './document.ts';
import { createApiLeg } from './leg.ts';
import { madeOf, type Made, type Wanted } from './making.ts';
import { idleGlobs, listOperations } from './operations.ts';
import { escaped } from './parameters.ts';
import { readInThread } from './reading.ts';
import { credentialNames } from './request.ts';
import { checkCredentials, createCredentials, schemesOf, type CredentialsOptions, type Scheme } from './security.ts';

export { documentChanges } from './changes.ts';
export { DocumentError, readDocument, type ApiDocument } from './document.ts';
export { listOperations, type Operation } from './operations.ts';
export type { Scheme } from './security.ts';

export interface OpenApiOptions {
  readonly read: (path: string) => Promise<Uint8Array>;
  /** `egress.allow`. */
  readonly allow: () => readonly string[];
  /** Where proxies are named. */
  readonly env: () => Readonly<Record<string, string | undefined>>;
  /** Told of a token before it is sent: nobody may read it. `holder`: it stands in the place of what that one had. */
  readonly learn: (holder: string, token: string) => void;
  readonly log: (level: 'info' | 'warn', text: string, detail: Readonly<Record<string, unknown>>) => void;
  /** Default: one that keeps no process alive. */
  readonly setTimer?: (fire: () => void, ms: number) => () => void;
  readonly now: () => number;
}

export interface ApiServer {
  readonly name: string;
  readonly connectTimeoutMs: number;
}

/** Of what cannot be a tool, so much is said. */
const MAX_SAID = 20;

/** A leg to an API. Rejects with `UpstreamError`, with the signal's reason too. */
export async function connectApi(
  server: ApiServer,
  target: ApiTarget,
  options: OpenApiOptions,
  signal: AbortSignal,
): Promise<Leg> {
  try {
    const leg = await connect(server, target, options, signal);
    signal.throwIfAborted();
    return leg;
  } catch (error) {
    if (error instanceof UpstreamError) throw error;
    throw new UpstreamError('down', `The server "${server.name}": ${(error as Error).message}`, { cause: error });
  }
}

async function connect(
  server: ApiServer,
  target: ApiTarget,
  options: OpenApiOptions,
  signal: AbortSignal,
): Promise<Leg> {
  const headers = lowered(target.headers);
  const bytes = await options.read(target.document);
  const order = { bytes, hash: target.hash, server: server.name, wanted: wantedOf(target, target.pagination) };
  const { idle, info, instructions, refused, schemes, tools } = await readInThread(order, signal);
  const credentials = createCredentials({ target, schemes, escaped, tokens: await tokensWith(server, options) });
  for (const glob of idle) {
    options.log('warn', 'a glob of `openapi.operations` matches nothing', { server: server.name, glob });
  }
  if (refused.count > 0) options.log('warn', 'operations that cannot be tools', { server: server.name, ...refused });
  const { createGuardedOrigin } = await import('@sallyport/client/egress');
  return createApiLeg({
    tools: new Map(tools.map((tool) => [tool.operation.name, tool])),
    info,
    instructions,
    credentials,
    open: (url) =>
      createGuardedOrigin({
        url,
        allow: target.server === undefined ? options.allow() : [...options.allow(), hostOf(url)],
        env: options.env(),
        connectTimeoutMs: server.connectTimeoutMs,
      }),
    headers,
    secretNames: credentialNames(schemes.values()),
    maxBytes: target.maxBytes,
    boundary: () => randomBytes(24).toString('hex'),
    setTimer: options.setTimer ?? unrefTimer,
    now: options.now,
  });
}

/** Without what is secret. */
function wantedOf(
  { headers, operations, server, source }: Pick<ApiTarget, 'headers' | 'operations' | 'server' | 'source'>,
  pagination: boolean,
): Wanted {
  return {
    headers: Object.keys(headers),
    operations,
    pagination,
    ...(server !== undefined && { server }),
    ...(source !== undefined && { source }),
  };
}

/** What a configuration would make of a document. */
export interface Survey extends Made {
  /** Where calls go. */
  readonly origins: readonly string[];
  /** Security schemes that need a credential. */
  readonly needs: ReadonlyMap<string, Scheme>;
}

/** Throws `DocumentError`. */
export function survey(
  document: ApiDocument,
  server: string,
  target: Pick<ApiTarget, 'headers' | 'operations' | 'server' | 'source'>,
): Survey {
  const schemes = schemesOf(document);
  const made = madeOf(document, server, wantedOf(target, true));
  const names = made.tools.flatMap(({ requirements }) =>
    requirements.some((each) => each.size === 0) ? [] : [...(requirements[0]?.keys() ?? [])],
  );
  const needs = names.flatMap((name) => {
    const scheme = schemes.get(name);
    return scheme === undefined ? [] : [[name, scheme] as const];
  });
  return {
    ...made,
    origins: [...new Set(made.tools.map(({ base }) => base.origin))],
    needs: new Map(needs),
  };
}

/** What is wrong with a configured document: what keeps it from being a server, and what it does not make. */
export interface TargetProblems {
  readonly problem?: string;
  readonly warnings: readonly string[];
}

export function targetProblems(bytes: Uint8Array, server: string, target: ApiTarget): TargetProblems {
  try {
    const document = readDocument(bytes);
    checkCredentials(target.auth, schemesOf(document));
    const { refused } = survey(document, server, target);
    const idle = idleGlobs(listOperations(document, server).operations, target.operations);
    return {
      warnings: [
        ...idle.map((glob) => `\`${glob}\` of \`openapi.operations\` matches nothing`),
        ...refused.slice(0, MAX_SAID).map(({ key, reason }) => `no tool: ${key}: ${reason}`),
      ],
    };
  } catch (error) {
    if (error instanceof DocumentError) return { problem: error.message, warnings: [] };
    throw error;
  }
}

/** Token endpoints of a document are outside; that of an operator is where he says. */
async function tokensWith(
  server: ApiServer,
  { allow, env, learn, now }: OpenApiOptions,
): Promise<CredentialsOptions['tokens']> {
  const [{ createGuardedFetch }, { createClientCredentials }] = await Promise.all([
    import('@sallyport/client/egress'),
    import('@sallyport/client/oauth'),
  ]);
  return ({ id, isWritten, scopes, secret, tokenUrl }) => {
    const source = createClientCredentials({
      tokenUrl,
      client: { id, secret },
      scopes,
      allowLoopbackHttp: isWritten,
      fetch: createGuardedFetch({ allow: isWritten ? [...allow(), hostOf(new URL(tokenUrl))] : allow(), env: env() }),
      now,
      timeout: (ms) => AbortSignal.timeout(ms),
    });
    const holder = `api ${JSON.stringify([server.name, tokenUrl, id, scopes])}`;
    return {
      token: async () => {
        const token = await source.token();
        learn(holder, token);
        return token;
      },
      refused: (token) => source.refused(token),
    };
  };
}

function unrefTimer(fire: () => void, ms: number): () => void {
  const timer = setTimeout(fire, ms).unref();
  return () => clearTimeout(timer);
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

function lowered(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
