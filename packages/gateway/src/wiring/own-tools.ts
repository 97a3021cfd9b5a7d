/** The gateway's own tools, opened: how the catalogue is shown, and programs over it. */

import { randomBytes } from 'node:crypto';
import type { Visitor } from '@sallyport/server';
import type { Bridge } from '../bridge/index.ts';
import { parsedResult, resultBytes, withMembers } from '../bridge/result-bytes.ts';
import type { CatalogView } from '../catalog/index.ts';
import { createCode, type CodeRoom } from '../code/index.ts';
import { codeOptions } from './code-options.ts';
import type { Config } from '../config/index.ts';
import { sealing } from '../credentials/index.ts';
import { createEmbed } from '../discovery/embeddings.ts';
import { createDiscovery, type Discovery } from '../discovery/index.ts';
import type { MeaningsOptions } from '../discovery/meanings.ts';
import { discoveryOptions } from './discovery-options.ts';
import type { InnerCall } from '../meta.ts';
import { createResults, type Results } from '../results/index.ts';
import type { RoomOptions } from '../rooms.ts';
import { enabledServers } from '../servers.ts';
import { setTimer } from '../steps.ts';

export interface OwnToolParts {
  readonly options: RoomOptions;
  readonly bridge: Bridge;
  /** In force. */
  readonly config: () => Config;
  /** What somebody sees. */
  readonly viewOf: (visitor: Visitor) => CatalogView;
  readonly inner: InnerCall;
}

export interface OwnTools {
  readonly code: CodeRoom;
  readonly discovery: Discovery;
  readonly results: Results;
}

export function openOwnTools(parts: OwnToolParts): OwnTools {
  const { bridge, config, inner, options, viewOf } = parts;
  const code = createCode(
    codeOptions({
      info: options.info,
      bridge,
      concurrency: () => config().limits.concurrency,
      inner,
      saved: () => config().tools,
      viewOf,
    }),
  );
  const results = openResults(parts);
  const given = discoveryOptions({ options, view: viewOf, servers: () => enabledServers(config()) });
  const discovery = createDiscovery({ ...given, code, readResult: results.read, meanings: meaningsOf(parts) });
  return { code, results, discovery };
}

/** How long a vector is kept before it is made anew. */
const VECTOR_MS = 90 * 24 * 60 * 60 * 1000;
const VECTORS = 'embeddings';

function meaningsOf({ config, options: { fetch, log, now, store } }: OwnToolParts): MeaningsOptions {
  return {
    setting: () => config().discovery.embeddings,
    embed: createEmbed({ fetch }),
    records: {
      get: async (key) => {
        const value = (await store.get(VECTORS, key))?.value;
        return typeof value === 'string' ? value : undefined;
      },
      put: (key, value) => store.put(VECTORS, key, value, { expiresAtMs: now() + VECTOR_MS }),
    },
    monotonic: () => performance.now(),
    log,
  };
}

function openResults({ config, options, viewOf }: OwnToolParts): Results {
  const handles = sealing(options.handleKey);
  const budgets = new WeakMap<Config, boolean>();
  const isOn = (): boolean => {
    const inForce = config();
    let isSet = budgets.get(inForce);
    if (isSet === undefined) budgets.set(inForce, (isSet = hasBudget(inForce)));
    return isSet;
  };
  return createResults({
    ...sealing(options.resultKey),
    folder: options.resultsFolder,
    isOn,
    budgetOf: (exchange) => viewOf(exchange).discovery.resultBudget || undefined,
    isTyped: (exchange, name) => viewOf(exchange).catalog.tools.get(name)?.shown['outputSchema'] !== undefined,
    sealHandle: handles.seal,
    openHandle: handles.unseal,
    bytesOf: resultBytes,
    parsed: parsedResult,
    withMembers,
    randomId: () => randomBytes(16).toString('hex'),
    setTimer,
    log: options.log,
  });
}

function hasBudget({ discovery, views }: Config): boolean {
  return [discovery, ...Object.values(views).map((view) => view.discovery)].some((set) => (set?.resultBudget ?? 0) > 0);
}
