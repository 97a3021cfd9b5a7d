/** The table of what is fuzzed, and how much of a run each target gets. What is asked of one stands beside what it tests. */
import {
  CHALLENGES,
  checkAnswer,
  checkChallenge,
  checkMetadata,
  METADATA,
} from '../../packages/client/src/testing/fuzz.ts';
import { checkFile, FILES } from '../../packages/gateway/src/config/testing/fuzz.ts';
import {
  checkDefinition,
  checkSchema,
  DESCRIPTIONS,
  RESULTS,
  SCHEMA_TEXTS,
  secretCheck,
} from '../../packages/gateway/src/guard/testing/fuzz.ts';
import { conditionCheck, CONDITIONS, uriCheck, URIS } from '../../packages/gateway/src/policy/testing/fuzz.ts';
import { checkOutput, OUTPUTS } from '../../packages/host/src/testing/fuzz.ts';
import { addressCheck, ADDRESSES, tokenCheck } from '../../packages/server/src/testing/fuzz.ts';
import {
  checkHeaders,
  checkMessage,
  checkResponse,
  checkStream,
  HEADER_VALUES,
  MESSAGES,
  RESPONSES,
  STREAMS,
} from '../../packages/wire/src/testing/fuzz.ts';
import type { Opened, Target } from './target.ts';

const ready = (corpus: readonly string[], check: Opened['check']) => async (): Promise<Opened> => ({ corpus, check });

export const TARGETS: readonly Target[] = [
  {
    name: 'message',
    what: 'JSON-RPC messages of clients',
    share: 16,
    open: ready([...MESSAGES, ...RESPONSES], checkMessage),
  },
  {
    name: 'header',
    what: 'headers of MCP over HTTP',
    share: 10,
    open: ready([...HEADER_VALUES, ...MESSAGES], checkHeaders),
  },
  { name: 'response', what: 'bytes of results', share: 14, open: ready(RESPONSES, checkResponse) },
  { name: 'stream', what: 'event streams', share: 10, open: ready(STREAMS, checkStream) },
  { name: 'output', what: 'stdout of children', share: 10, open: ready(OUTPUTS, checkOutput) },
  { name: 'answer', what: 'messages of servers', share: 12, open: ready([...RESPONSES, ...MESSAGES], checkAnswer) },
  { name: 'challenge', what: 'WWW-Authenticate of servers', share: 8, open: ready(CHALLENGES, checkChallenge) },
  { name: 'metadata', what: 'metadata of authorization servers', share: 2, open: ready(METADATA, checkMetadata) },
  { name: 'token', what: 'JWTs', share: 2, open: async () => tokenCheck() },
  {
    name: 'address',
    what: 'Host, Origin and words of proxies',
    share: 5,
    open: async () => ready(ADDRESSES, addressCheck())(),
  },
  { name: 'schema', what: 'JSON Schemas of servers', share: 3, open: ready(SCHEMA_TEXTS, checkSchema) },
  { name: 'secret', what: 'the scan for secrets', share: 3, open: async () => ready(RESULTS, secretCheck())() },
  {
    name: 'definition',
    what: 'the search for hidden instructions',
    share: 2,
    open: ready(DESCRIPTIONS, checkDefinition),
  },
  { name: 'uri', what: 'URIs and rules', share: 3, open: async () => ready(URIS, await uriCheck())() },
  { name: 'condition', what: 'conditions of rules', share: 2, open: async () => ready(CONDITIONS, conditionCheck())() },
  { name: 'configuration', what: 'JSON, YAML and TOML files', share: 3, open: ready(FILES, checkFile) },
  // Loads the built gateway, so only when it is wanted.
  {
    name: 'gateway',
    what: 'bytes to a listening gateway',
    share: 3,
    open: async () => (await import('./gateway.ts')).openGatewayTarget(),
  },
];

/** Inputs for each target, of so many in all. */
export function shares(runs: number, targets: readonly Target[]): readonly number[] {
  const all = targets.reduce((sum, { share }) => sum + share, 0);
  return targets.map(({ share }) => Math.ceil((runs * share) / all));
}
